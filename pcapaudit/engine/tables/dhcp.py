"""DHCP: a row for each exchange of one client, as Zeek's dhcp.log has it, with frames."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.engine.tables.cells import MAX_LISTED, frames_of, ip_cell, mac_cell, span_s
from pcapaudit.engine.tables.declare import TS, VLAN, Column, Kind, Row, Table
from pcapaudit.flows.exchanges import CYCLE_ENDS
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import DhcpMessage

KINDS = {1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE", 8: "INFORM"}
"""Names of option 53 (RFC 2132, section 9.6)."""

TABLE = Table(
    "dhcp",
    "DHCP",
    "One row for each exchange of one client: messages with its hardware address and one transaction id, up to what"
    " ends it (ACK, NAK, DECLINE, RELEASE).",
    (
        TS,
        Column("orig_mac", Kind.TEXT, "hardware address that the client gives (chaddr)", "", "mac"),
        Column("resp_mac", Kind.TEXT, "MAC address from which the first answer came"),
        Column("orig_h", Kind.TEXT, "address that the client has already (ciaddr)", "", "client_addr"),
        Column("resp_h", Kind.TEXT, "server that answered last (option 54, else the sender)", "", "server_addr"),
        Column("trans_id", Kind.INTEGER, "transaction id (xid)"),
        Column("msg_types", Kind.TEXTS, "the messages in their order", "", "msg_types"),
        Column("outcome", Kind.CATEGORY, "how it ended: ack, nak, declined, released, offered, unanswered"),
        Column("requested_h", Kind.TEXT, "address asked for (option 50)", "", "requested_addr"),
        Column("assigned_h", Kind.TEXT, "address given by the last offer or ACK (yiaddr)", "", "assigned_addr"),
        Column("lease_s", Kind.INTEGER, "lease of the last offer or ACK", "s", "lease_time"),
        Column("mask", Kind.TEXT, "subnet mask given"),
        Column("routers", Kind.TEXTS, "routers given"),
        Column("dns_servers", Kind.TEXTS, "name servers given"),
        Column("ntp_servers", Kind.TEXTS, "time servers given"),
        Column("domain", Kind.TEXT, "domain given", "", "domain"),
        Column("host_name", Kind.TEXT, "name that the client gives itself", "", "host_name"),
        Column("vendor_class", Kind.TEXT, "vendor class that the client names (option 60)"),
        Column("relay_h", Kind.TEXT, "relay that passed it on (giaddr)"),
        Column("discovers", Kind.INTEGER, "DISCOVERs, repeats included"),
        Column("requests", Kind.INTEGER, "REQUESTs, repeats included"),
        Column("first_answer_s", Kind.NUMBER, "from the first message to the first answer", "s"),
        Column("duration_s", Kind.NUMBER, "from the first message to the last", "s", "duration"),
        Column("frames", Kind.FRAMES, "its messages"),
        VLAN,
    ),
    log="dhcp",
)  # fmt: skip


def read(traffic: Traffic) -> Iterator[Row]:
    """The rows in order of their first frame."""
    exchanges: list[list[DhcpMessage]] = []
    running: dict[tuple[bytes, int], list[DhcpMessage]] = {}
    ended: set[tuple[bytes, int]] = set()
    for m in traffic.dhcp:
        key = (m.chaddr, m.xid)
        if key not in running or (m.op == 1 and key in ended):
            running[key] = []
            exchanges.append(running[key])
            ended.discard(key)
        running[key].append(m)
        if m.kind in CYCLE_ENDS:
            ended.add(key)
    return map(_row, exchanges)


def _row(messages: list[DhcpMessage]) -> Row:
    kinds = [m.kind for m in messages]
    answers = [m for m in messages if m.op == 2]
    given = next((m for m in reversed(answers) if m.kind in (2, 5)), None)
    first = messages[0]
    return (
        first.at.time_ns,
        mac_cell(first.chaddr or None),
        mac_cell(answers[0].at.smac) if answers else None,
        next(filter(None, (ip_cell(m.ciaddr) for m in messages if m.op == 1)), None),
        ip_cell(answers[-1].server_id or answers[-1].at.src) if answers else None,
        first.xid,
        tuple(KINDS.get(kind, f"TYPE{kind}") for kind in kinds[:MAX_LISTED]),
        _outcome(kinds),
        next(filter(None, (ip_cell(m.requested) for m in messages)), None),
        *_given(given),
        next((m.host_name for m in messages if m.op == 1 and m.host_name), None),
        next((m.vendor_class for m in messages if m.op == 1 and m.vendor_class), None),
        next(filter(None, (ip_cell(m.giaddr) for m in messages)), None),
        kinds.count(1),
        kinds.count(3),
        span_s(first.at, answers[0].at) if answers else None,
        span_s(first.at, messages[-1].at) if len(messages) > 1 else None,
        frames_of(m.at for m in messages),
        first.at.vlan,
    )


def _outcome(kinds: list[int]) -> str | None:
    for kind, word in ((4, "declined"), (7, "released"), (5, "ack"), (6, "nak"), (2, "offered")):
        if kind in kinds:
            return word
    return "unanswered" if set(kinds) & {1, 3, 8} else None


def _given(answer: DhcpMessage | None) -> Row:
    """The cells from ``assigned_h`` to ``domain``."""
    if answer is None:
        return (None, None, None, (), (), (), None)
    lists = (tuple(map(ip_text, many)) for many in (answer.routers, answer.dns_servers, answer.ntp_servers))
    return (ip_cell(answer.yiaddr), answer.lease_s, ip_cell(answer.mask), *lists, answer.domain)
