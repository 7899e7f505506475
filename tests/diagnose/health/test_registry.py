from __future__ import annotations

import pytest

from pcapaudit.diagnose.confidence import CEILING
from pcapaudit.diagnose.health.registry import (
    all_checks,
    caps_for,
    examine,
    examine_capture,
    examine_device,
    in_order,
)
from pcapaudit.model.report import HealthItem
from pcapaudit.model.words import HealthState
from tests.support.scene import devices_of, traffic_of, view_of

OWN, OTHER = "02:00:0a:00:00:05", "02:00:0a:00:00:09"


def item(rule: str, device: str | None = None, state: HealthState = HealthState.PROVEN) -> HealthItem:
    return HealthItem(rule, state, device, "x", (1,), "none", None)


@pytest.mark.parametrize(
    ("items", "absence"),
    [
        pytest.param([], CEILING, id="nothing"),
        pytest.param([item("CAP-LOSS")], 60, id="loss"),
        pytest.param([item("CAP-ONEWAY", OWN)], 50, id="one way"),
        pytest.param([item("CAP-ONEWAY", OWN, HealthState.SUSPECTED)], 50, id="one way, suspected"),
        pytest.param([item("CAP-ONEWAY", OTHER)], CEILING, id="another device's"),
        pytest.param([item("CAP-LOSS"), item("CAP-ONEWAY", OWN)], 50, id="the lowest"),
        pytest.param([item("CAP-VLAN", OWN)], CEILING, id="a remark that caps nothing"),
    ],
)
def test_health_caps_what_silence_may_claim(items: list[HealthItem], absence: int) -> None:
    (device,) = [f for f in devices_of(traffic_of("0.0 dev > gw ARP")) if f.mac == bytes.fromhex("02000a000005")]

    caps = caps_for(device, items)

    assert (caps.absence, caps.is_refused) == (absence, False)


@pytest.mark.parametrize(("state", "refused"), [(HealthState.PROVEN, True), (HealthState.SUSPECTED, False)])
def test_only_a_proven_sample_is_refused(state: HealthState, *, refused: bool) -> None:
    device = devices_of(traffic_of("0.0 dev > gw ARP"))[0]

    assert caps_for(device, [item("CAP-SAMPLED", state=state)]).is_refused is refused


def test_each_check_is_registered_once() -> None:
    ids = [check.id for check in all_checks()]

    assert len(ids) == len(set(ids))


LONG_AGO = "0.0 dev:50001 > cloud:4321 EXCHANGE 120 60\n5.0 pc:50001 > cloud:443 EXCHANGE 120 60"


@pytest.mark.parametrize("script", [LONG_AGO, "0.0 switch > * WATCH\n5.0 switch > * WATCH"])
def test_device_by_device_the_same_is_said_as_of_all_at_once(script: str) -> None:
    view = view_of(traffic_of(script))

    items = [*examine_capture(view), *(i for facts in view.devices for i in examine_device(view, facts))]

    assert in_order(items) == list(dict.fromkeys(examine(view)))
