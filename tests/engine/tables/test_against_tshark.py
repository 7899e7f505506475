"""The tables beside what tshark reads of the same captures."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.tables.support import Record, pick, records_of

pytestmark = pytest.mark.needs_tshark

SENSORIST, WENNSOFT = "sensorist-blinking-red.pcapng", "wennsoft-healthy.pcapng"


Ask = Callable[..., list[list[str]]]


def on(*names: str) -> pytest.MarkDecorator:
    """The test reads these samples, and those of the shared captures that have a folder in their name."""
    marked = [pytest.param(n, marks=pytest.mark.needs_captures) if "/" in n else n for n in names]
    return pytest.mark.parametrize("path", marked, indirect=True)


@pytest.fixture
def path(request: pytest.FixtureRequest, checkout: Path) -> Path:
    name: str = request.param
    return checkout.parent / "shared" / "captures" / name if "/" in name else checkout / "samples" / name


@pytest.fixture
def ask(path: Path, require_tool: Callable[[str], str]) -> Ask:
    """Fields of the frames that a display filter lets through."""

    def run(shown: str, *fields: str) -> list[list[str]]:
        command = [
            require_tool("tshark"),
            "-2",
            "-n",
            "-r",
            str(path),
            "-Y",
            shown,
            "-T",
            "fields",
            "-E",
            "occurrence=f",
        ]
        words = [word for field in fields for word in ("-e", field)]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    return run


def frames_of(rows: list[Record], *names: str) -> list[int]:
    """The frames that these columns name, ascending."""
    found: list[int] = []
    for cell in (row[name] for row in rows for name in names):
        found += [int(n) for n in cell] if isinstance(cell, tuple) else [cell] if isinstance(cell, int) else []
    return sorted(found)


def by_frame(rows: list[Record], name: str) -> dict[object, Record]:
    """Each row by one of its frames, or by every frame of a list."""
    table: dict[object, Record] = {}
    for row in rows:
        cell = row[name]
        table |= dict.fromkeys(cell, row) if isinstance(cell, tuple) else {cell: row}
    return table


@on(SENSORIST, "dns/tcpdump__dns_udp.pcap", "dns/arkime__dns-error.pcap")
def test_dns_questions_and_answers(path: Path, ask: Ask) -> None:
    rows = records_of(path, "dns")
    shown = "dns && !mdns && !llmnr && !icmp && dns.flags.opcode == 0"
    listed = ask(
        shown, "frame.number", "dns.flags.response", "dns.id", "dns.qry.name", "dns.qry.type", "dns.flags.rcode"
    )
    asked, answered = by_frame(rows, "query_frames"), by_frame(rows, "answer_frames")

    assert frames_of(rows, "query_frames", "answer_frames") == [int(line[0]) for line in listed]
    for number, response, ident, name, kind, rcode in listed:
        is_answer = response in ("1", "True")
        row = (answered if is_answer else asked)[int(number)]
        assert pick(row, "trans_id", "query", "qtype") == (int(ident, 16), name.lower(), int(kind)), number
        assert not is_answer or row["rcode"] == int(rcode)


@on(WENNSOFT, "general/zeek__wikipedia.pcap")
def test_dns_answer_times_and_addresses(path: Path, ask: Ask) -> None:
    answered = by_frame(records_of(path, "dns"), "answer_frames")
    for number, time, address in ask("dns.time && !mdns && !icmp", "frame.number", "dns.time", "dns.a"):
        row = answered[int(number)]
        if not row["retries"]:
            assert row["rtt_s"] == pytest.approx(float(time), abs=2e-6), number
        assert not address or address in row["answers"]  # type: ignore[operator]


@on(SENSORIST, "dhcp-arp/zeek__dhcp__dhcp.pcap")
def test_dhcp_exchanges(path: Path, ask: Ask) -> None:
    rows = records_of(path, "dhcp")
    fields = ("frame.number", "dhcp.id", "dhcp.hw.mac_addr", "dhcp.option.dhcp", "dhcp.option.ip_address_lease_time")
    listed = ask("dhcp && !icmp", *fields)
    known = by_frame(rows, "frames")

    assert frames_of(rows, "frames") == [int(line[0]) for line in listed]
    for number, ident, mac, kind, lease in listed:
        row = known[int(number)]
        assert pick(row, "trans_id", "orig_mac") == (int(ident, 16), mac)
        names = ("", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM")
        assert names[int(kind)] in row["msg_types"]  # type: ignore[operator]
        assert kind != "5" or not lease or row["lease_s"] == int(lease)


@on(WENNSOFT, "tls/zeek__tls__tls1.2.pcap", "tls/zeek__tls__tls13_wolfssl.pcap", "tls/zeek__tls__tls-expired-cert.pcap")
def test_tls_hellos(path: Path, ask: Ask) -> None:
    rows = records_of(path, "tls")
    greeted = by_frame(rows, "client_hello_frame")
    answered = by_frame(rows, "server_hello_frame")
    hellos = ask("tls.handshake.type == 1", "frame.number", "tls.handshake.extensions_server_name")
    chosen = ask("tls.handshake.type == 2", "frame.number", "tls.handshake.ciphersuite", "tls.handshake.type")

    for number, name in hellos:
        assert greeted[int(number)]["server_name"] == (name or None), number
    for number, cipher, kind in chosen:
        assert kind != "2" or answered[int(number)]["cipher"] == cipher, number


@on("websocket/arkime__websocket.pcap", "general/zeek__wikipedia.pcap")
def test_http_requests_and_responses(path: Path, ask: Ask) -> None:
    rows = by_frame(records_of(path, "http"), "request_frame")
    fields = ("frame.number", "http.request.method", "http.host", "http.response_in")
    for number, method, host, response in ask("http.request && !icmp && !ssdp", *fields):
        row = rows[int(number)]
        assert pick(row, "method", "host") == (method, host or None)
        assert row["response_frame"] == (int(response) if response else None)


@on(SENSORIST, "dhcp-arp/ipfixprobe__arp.pcap")
def test_arp_packets(path: Path, ask: Ask) -> None:
    fields = ("frame.number", "arp.opcode", "arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.proto_ipv4")
    listed = [(int(n), int(op), mac, source, target) for n, op, mac, source, target in ask("arp", *fields)]
    rows = records_of(path, "arp")
    names = ("frame", "operation", "orig_mac", "orig_h", "resp_h")

    own = [pick(row, *names[:3]) + tuple(cell or "0.0.0.0" for cell in pick(row, *names[3:])) for row in rows]
    assert own == listed


@on(WENNSOFT, "ntp/zeek__ntp__ntp.pcap")
def test_ntp_messages(path: Path, ask: Ask) -> None:
    rows = records_of(path, "ntp")
    listed = ask("ntp && !icmp", "frame.number", "ntp.flags.mode", "ntp.stratum")
    answered = by_frame(rows, "answer_frame")

    assert frames_of(rows, "query_frame", "answer_frame") == [int(line[0]) for line in listed]
    for number, mode, stratum in listed:
        assert mode != "4" or answered[int(number)]["stratum"] == int(stratum)


@on(WENNSOFT)
def test_icmp_messages(path: Path, ask: Ask) -> None:
    fields = ("frame.number", "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code")
    listed = [
        (int(number), int(v4 or v6), int(code4 or code6))
        for number, v4, code4, v6, code6 in ask("icmp || icmpv6", *fields)
    ]
    rows = records_of(path, "icmp")
    replies = {line[0]: line[1] for line in ask("icmp.resp_in", "frame.number", "icmp.resp_in")}

    assert [pick(row, "frame", "type", "code") for row in rows] == listed
    assert {
        str(row["frame"]): str(row["reply_frame"]) for row in rows if row["reply_frame"] and row["family"] == 4
    } == replies
