from __future__ import annotations

import pytest

from pcapaudit.flows.histories import Histories
from tests.support.scene import traffic_of

C, S = "dev:50001 > cloud:4321", "cloud:4321 > dev:50001"
OPEN = f"0.0 {C} SYN\n0.03 {S} SYN-ACK\n0.04 {C} ACK\n"
DATA = f"1.0 {C} DATA 100\n1.03 {S} DATA 60\n1.04 {C} ACK\n"


def states(script: str) -> list[tuple[str, str | None]]:
    told = Histories(traffic_of(script))
    return list(zip(told.states, told.letters, strict=True))


@pytest.mark.parametrize(
    ("script", "state", "letters"),
    [
        pytest.param(f"0.0 {C} SYN\n1.0 {C} SYN", "S0", "S", id="no reply"),
        pytest.param(f"0.0 {C} SYN\n0.03 {S} RST", "REJ", "Sr", id="refused"),
        pytest.param(OPEN, "S1", "ShA", id="open"),
        pytest.param(OPEN + DATA, "S1", "ShADd", id="open with data"),
        pytest.param(OPEN + DATA + f"2.0 {C} FIN\n2.03 {S} FIN\n2.04 {C} ACK", "SF", "ShADdFf", id="closed"),
        pytest.param(OPEN + DATA + f"2.0 {C} FIN\n2.03 {S} ACK", "S2", "ShADdFa", id="closed by the originator alone"),
        pytest.param(OPEN + DATA + f"2.0 {S} FIN\n2.03 {C} ACK", "S3", "ShADdf", id="closed by the responder alone"),
        pytest.param(OPEN + DATA + f"2.0 {C} RST", "RSTO", "ShADdR", id="reset by the originator"),
        pytest.param(OPEN + DATA + f"2.0 {S} RST", "RSTR", "ShADdr", id="reset by the responder"),
        pytest.param(
            OPEN + DATA + f"2.0 {C} FIN\n2.03 {S} FIN\n2.04 {C} RST", "SF", "ShADdFfR", id="a reset after both FIN"
        ),
        pytest.param(f"0.0 {C} SYN\n1.0 {C} RST", "RSTOS0", "SR", id="given up without a reply"),
        pytest.param(f"0.0 {C} SYN\n0.01 {S} SYN-ACK unseen\n1.0 {C} FIN", "SH", "SF", id="the replies are unseen"),
        pytest.param(f"0.0 {C} SYN unseen\n0.03 {S} SYN-ACK\n1.0 {S} RST", "RSTRH", "^hr", id="SYN unseen, reset"),
        pytest.param(f"0.0 {C} SYN unseen\n0.03 {S} SYN-ACK\n1.0 {S} FIN", "SHR", "^hf", id="SYN unseen, closed"),
        pytest.param(f"0.0 {C} DATA 9\n0.03 {S} ACK", "OTH", "Da", id="caught in the middle"),
        pytest.param(OPEN + f"1.0 {C} DATA 9 lost\n1.3 {C} AGAIN", "S1", "ShADT", id="data repeated"),
        pytest.param("0.0 dev:1000 > cloud:2000 UDP 9", "S0", "D", id="a datagram"),
        pytest.param(
            "0.0 dev:1000 > cloud:2000 UDP 9\n0.1 cloud:2000 > dev:1000 UDP 9", "SF", "Dd", id="a datagram answered"
        ),
        pytest.param("0.0 dev > cloud PING\n0.1 cloud > dev PONG", "OTH", None, id="ping"),
    ],
)
def test_a_flow_is_named_as_zeek_names_it(script: str, state: str, letters: str | None) -> None:
    assert states(script) == [(state, letters)]


def payloads(script: str) -> list[tuple[int, int]]:
    orig, resp = Histories(traffic_of(script)).payloads
    return list(zip(orig.tolist(), resp.tolist(), strict=True))


def test_payload_is_counted_by_sequence_number_so_that_a_gap_counts_and_a_repeat_does_not() -> None:
    assert payloads(OPEN + f"1.0 {C} DATA 100 lost\n1.3 {C} AGAIN\n2.0 {C} DATA 50") == [(150, 0)]
    assert payloads(OPEN + f"1.0 {C} DATA 100 unseen\n2.0 {C} DATA 50\n2.1 {S} DATA 7") == [(150, 7)]


def test_a_connection_caught_in_the_middle_is_counted_from_its_first_data_on() -> None:
    assert payloads(f"0.0 {C} DATA 9\n0.03 {S} ACK") == [(9, 0)]


def test_datagrams_are_added_up() -> None:
    assert payloads(
        "0.0 dev:1000 > cloud:2000 UDP 9\n1.0 dev:1000 > cloud:2000 UDP 9\n1.1 cloud:2000 > dev:1000 UDP 5"
    ) == [(18, 5)]


def test_a_reset_behind_an_early_acknowledgment_is_a_refusal() -> None:
    """Some stacks acknowledge a SYN before they answer it; that is no connection caught half-way."""
    assert states(f"0.0 {C} SYN\n0.01 {S} ACK\n0.03 {S} RST") == [("REJ", "Sar")]


def test_what_comes_twice_within_5_ms_is_a_copy_and_no_repeat() -> None:
    script = OPEN + f"1.0 {C} DATA 9 lost\n1.004 {C} AGAIN"
    assert states(script) == [("S1", "ShAD")]
    assert states(OPEN + f"1.0 {C} DATA 9 lost\n1.006 {C} AGAIN") == [("S1", "ShADT")]


def test_a_capture_without_flows_has_no_histories() -> None:
    assert states("0.0 dev > * ARP? 10.0.0.1") == []
