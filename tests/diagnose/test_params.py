from __future__ import annotations

import pytest

from pcapaudit.diagnose.params import Params, ns
from pcapaudit.model.errors import UsageError

CATALOGUE = {
    # Section 2 of the diagnosis catalogue.
    "vis_min": 3,
    "syn_min_tries": 3,
    "syn_wait": 3,
    "dns_wait": 5,
    "dhcp_min_tries": 2,
    "dhcp_wait": 10,
    "arp_min_tries": 3,
    "udp_wait": 10,
    "udp_min_tries": 2,
    "ntp_wait": 5,
    "rtt_factor": 0.5,
    "ttl_delta": 3,
    "dup_window": 0.05,
    "idle_gap": 5,
    "gap_ratio": 0.005,
    "clock_bad": 300,
    "short_conn": 10,
}


def test_the_defaults_are_those_of_the_catalogue() -> None:
    assert Params().as_dict() == CATALOGUE


def test_some_can_be_changed_and_the_rest_stays() -> None:
    changed = Params().changed({"syn_wait": 7.5, "vis_min": 5.0})

    assert changed.as_dict() == {**CATALOGUE, "syn_wait": 7.5, "vis_min": 5}
    assert isinstance(changed.vis_min, int)


@pytest.mark.parametrize(("overrides", "words"), [({"syn_weight": 1.0}, "syn_wait"), ({"syn_wait": -0.1}, "negative")])
def test_what_makes_no_sense_is_refused(overrides: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Params().changed(overrides)


@pytest.mark.parametrize(("seconds", "expected"), [(3.0, 3_000_000_000), (0.05, 50_000_000), (1e-9, 1), (0, 0)])
def test_seconds_become_whole_nanoseconds(seconds: float, expected: int) -> None:
    assert ns(seconds) == expected
