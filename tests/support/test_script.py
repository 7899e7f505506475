"""The packet-script language: what each line becomes, as dpkt reads it, and what it says of lines it cannot play."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.faults import ScriptError, Where
from tests.support.macros import MACROS
from tests.support.player import VERBS, Frame, Player
from tests.support.script import play
from tests.support.world import START_NS, World

PLACE = Where("cases/x.yaml", "some_case", 10)
CLOUD: Mapping[str, object] = {"cloud": "54.229.203.190"}


def run(text: str, hosts: Mapping[str, object] = CLOUD) -> list[Frame]:
    player = Player(World(hosts))
    play(player, text, PLACE)
    return player.frames


def packets(text: str, hosts: Mapping[str, object] = CLOUD) -> list[dpkt.ip.IP]:
    return [dpkt.ethernet.Ethernet(frame.data).data for frame in run(text, hosts)]


def segments(text: str) -> list[dpkt.tcp.TCP]:
    return [packet.data for packet in packets(text)]


def test_times_are_seconds_after_the_start() -> None:
    frames = run("0.5 pc > gw PING\n+20ms gw > pc PONG\n1.5 pc > gw PING")

    assert [frame.time_ns - START_NS for frame in frames] == [500_000_000, 520_000_000, 1_500_000_000]


def test_a_packet_to_the_outside_goes_to_the_gateway_with_a_fresh_ttl() -> None:
    frame = dpkt.ethernet.Ethernet(run("0 dev > cloud:443 SYN")[0].data)

    assert frame.dst == bytes.fromhex("02000a000001")
    assert frame.src == bytes.fromhex("02000a000005")
    assert frame.data.ttl == 64


def test_a_packet_from_the_outside_comes_from_the_gateway_with_a_worn_ttl() -> None:
    text = "0 dev > cloud:443 SYN\n0 cloud:443 > dev SYN-ACK"
    frame = dpkt.ethernet.Ethernet(run(text, {"cloud": {"ip": "54.229.203.190", "hops": "19"}})[1].data)

    assert frame.src == bytes.fromhex("02000a000001")
    assert frame.data.ttl == 45


def test_a_handshake_needs_no_numbers() -> None:
    syn, answer, ack = segments("0 dev > cloud:443 CONNECT")

    assert (answer.ack, ack.seq, ack.ack) == (syn.seq + 1, syn.seq + 1, answer.seq + 1)
    assert (answer.sport, answer.dport) == (443, syn.sport)


def test_the_same_ports_again_are_a_retransmission_unless_new() -> None:
    first, again, other = packets(
        "0 dev:5000 > cloud:443 SYN\n1 dev:5000 > cloud:443 SYN\n2 dev:5000 > cloud:443 SYN new"
    )

    assert first.data.seq == again.data.seq != other.data.seq
    assert first.id != again.id


def test_new_takes_another_port_where_none_is_written() -> None:
    first, other = segments("0 dev > cloud:443 SYN\n1 dev > cloud:443 SYN new")

    assert first.sport != other.sport


def test_a_lost_segment_is_in_the_capture_but_never_acknowledged() -> None:
    text = """
0 dev > cloud:443 CONNECT
1 dev > cloud:443 DATA 100 lost
2 cloud:443 > dev ACK
3 dev > cloud:443 AGAIN
4 cloud:443 > dev ACK
"""
    _, _, _, data, stale, again, fresh = segments(text)

    assert (stale.ack, again.seq, again.data) == (data.seq, data.seq, data.data)
    assert fresh.ack == data.seq + 100


def test_an_unseen_segment_is_acknowledged_but_not_in_the_capture() -> None:
    text = "0 dev > cloud:443 CONNECT\n1 cloud:443 > dev DATA 60 unseen\n2 dev > cloud:443 ACK"
    _, answer, _, ack = segments(text)

    assert ack.ack == answer.seq + 1 + 60


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 1400)), max_size=12))
def test_what_a_side_sends_is_always_next_and_always_acknowledged(turns: list[tuple[bool, int]]) -> None:
    lines = ["0 dev > cloud:443 CONNECT"]
    for is_out, size in turns:
        lines.append(f"+1ms {'dev > cloud:443' if is_out else 'cloud:443 > dev'} DATA {size}")
    syn, answer, _, *rest = segments("\n".join(lines))

    expected = {True: syn.seq + 1, False: answer.seq + 1}
    for (is_out, size), segment in zip(turns, rest, strict=True):
        assert (segment.seq, segment.ack) == (expected[is_out], expected[not is_out])
        expected[is_out] += size


def test_a_hole_holds_the_acknowledgement_back_until_it_is_filled() -> None:
    text = """
0 dev > cloud:443 CONNECT
1 dev > cloud:443 DATA 100 lost
+1ms dev > cloud:443 DATA 50
+1ms cloud:443 > dev ACK
+1ms dev > cloud:443 DATA 100 seq=-150
+1ms cloud:443 > dev ACK
"""
    syn, _, _, _, _, held, _, filled = segments(text)

    assert (held.ack, filled.ack) == (syn.seq + 1, syn.seq + 151)


def test_a_conversation_without_a_syn_is_taken_as_an_older_one() -> None:
    out, back = segments("0 dev > cloud:443 DATA 10\n1 cloud:443 > dev DATA 20")

    assert (back.ack, back.seq) == (out.seq + 10, out.ack)


def test_a_refusal_acknowledges_the_syn_from_number_zero() -> None:
    syn, reset = packets("0 dev > cloud:443 SYN\n1 cloud:443 > dev RST ttl=64")

    assert (reset.data.flags, reset.data.seq, reset.data.ack, reset.data.win) == (0x14, 0, syn.data.seq + 1, 0)
    assert (reset.ttl, reset.id) == (64, 0)


def test_a_stub_that_asks_again_keeps_id_and_port() -> None:
    first, again, other = packets(
        "0 dev > gw DNS? a.example A\n5 dev > gw DNS? a.example A again\n9 dev > gw DNS? a.example A"
    )

    assert (first.data.data, first.data.sport) == (again.data.data, again.data.sport)
    assert first.data.data[:2] != other.data.data[:2]


def test_an_answer_takes_id_and_port_from_its_query() -> None:
    query, answer = packets("0 dev > gw DNS? a.example A\n1 gw > dev DNS! a.example A 192.0.2.7 ttl=30")
    message = dpkt.dns.DNS(answer.data.data)

    assert (message.id, answer.data.dport) == (dpkt.dns.DNS(query.data.data).id, query.data.sport)
    assert (message.an[0].ip, message.an[0].ttl) == (bytes([192, 0, 2, 7]), 30)


def test_a_query_over_tcp_is_a_message_behind_its_length() -> None:
    text = "0 dev > gw:53 CONNECT\n1 dev > gw:53 DNS? a.example A tcp\n2 gw:53 > dev DNS! a.example A 192.0.2.7"
    _, _, _, query, answer = segments(text)

    for segment in (query, answer):
        assert int.from_bytes(segment.data[:2], "big") == len(segment.data) - 2
    assert dpkt.dns.DNS(answer.data[2:]).an[0].ip == bytes([192, 0, 2, 7])
    assert answer.ack == query.seq + len(query.data)


def test_a_boot_is_a_lease_an_announcement_and_the_gateways_address() -> None:
    frames = [dpkt.ethernet.Ethernet(frame.data) for frame in run("0 dev > gw BOOT dns=10.0.0.2")]
    messages = [dpkt.dhcp.DHCP(frame.data.data.data) for frame in frames[:4]]

    assert [dict(message.opts)[53][0] for message in messages] == [1, 2, 3, 5]
    assert len({message.xid for message in messages}) == 1
    assert dict(messages[3].opts)[6] == bytes([10, 0, 0, 2])
    assert [frame.data.op for frame in frames[4:]] == [1, 1, 2]


def test_an_option_of_the_lease_can_be_left_out() -> None:
    message = dpkt.dhcp.DHCP(packets("0 gw > dev DHCP ACK router=none")[0].data.data)

    assert 3 not in dict(message.opts)


def test_an_error_quotes_the_packet_with_the_label() -> None:
    first, _, error = packets(
        "0 dev > cloud:443 SYN as=one\n1 dev > cloud:80 SYN new\n2 gw > dev ICMP unreachable code=13 quoting=one"
    )

    assert (error.data.type, error.data.code) == (3, 13)
    assert bytes(error.data.data.data)[:20] == bytes(first)[:20]


def test_a_block_is_repeated_at_its_pace() -> None:
    frames = run("10 repeat 3 every 2.5:\n  0.0 dev > cloud:443 SYN new\n  +10ms cloud:443 > dev RST")

    assert [(frame.time_ns - START_NS) / 1e9 for frame in frames] == [10.0, 10.01, 12.5, 12.51, 15.0, 15.01]
    assert len({dpkt.ethernet.Ethernet(frame.data).data.data.sport for frame in frames[::2]}) == 3


def test_dup_repeats_the_frame_before_byte_for_byte() -> None:
    first, copy = run("0 dev > cloud:443 SYN\n+40us dup")

    assert first.data == copy.data
    assert copy.time_ns - first.time_ns == 40_000


def test_the_same_script_gives_the_same_bytes() -> None:
    text = "0 dev > gw BOOT\n1 dev > cloud:443 CONNECT\n2 dev > cloud:443 TLS12 sni=a.example names=a.example"

    assert run(text) == run(text)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x dev > cloud:443 SYN", "'x' is no time"),
        ("0 nobody > cloud:443 SYN", "'nobody' is neither a host nor an address"),
        ("0 dev > cloud:443 SIN", "'SIN' is unknown; known are"),
        ("0 dev > cloud:443 SYN mms=1400", "SYN does not know mms=1400"),
        ("0 dev > cloud:443 DATA lots", "'lots' is no number of bytes"),
        ("0 dev > cloud:99999 SYN", "'99999' is no port"),
        ("0 dev > cloud SYN", "no conversation from dev to cloud yet; name the port"),
        ("0 dev cloud SYN", "a line reads"),
        ("0 gw > dev DNS! a.example A 192.0.2.1", "dev asked gw for no a.example A"),
        ("0 gw > dev ICMP unreachable", "there is no IP packet of dev to quote"),
        ("0 cloud:443 > dev:5000 AGAIN", "cloud sent nothing yet"),
        ("0 dev > gw DHCP ASK", "DHCP ASK is unknown"),
        ('0 dev > cloud:21 FTP "220', "no closing quotation"),
        ("  0 dev > cloud:443 SYN", "an indented line belongs under"),
        ("0 repeat 3 every 1:", "repeat has no indented lines"),
    ],
)
def test_an_error_names_file_line_case_and_reason(line: str, reason: str) -> None:
    with pytest.raises(ScriptError) as error:
        run(f"\n# a comment\n{line}")

    assert str(error.value).startswith("cases/x.yaml:12: case some_case: ")
    assert reason in str(error.value)


def test_every_verb_is_in_the_manual(checkout: Path) -> None:
    manual = (checkout / "tests" / "cases" / "README.md").read_text(encoding="utf-8")

    assert not [name for name in [*VERBS, *MACROS] if f"`{name}" not in manual]
