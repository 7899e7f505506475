"""Laws of the network rules: whatever is missing from a capture, they neither break nor cite what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import MAX_FRAMES
from pcapaudit.diagnose.registry import Rule, all_rules
from pcapaudit.model.words import Outcome
from tests.support.cases import Case, load_all
from tests.support.player import Frame
from tests.support.scene import devices_of, scan_frames
from tests.support.services import CLOCK, CLOUD_NEED, ONE_SHOT, TIME_NEED, WALK_NEED, WALKER, product

MODULES = ("icmp", "link", "loss", "mtu", "persist", "returning", "time", "udp")
PRODUCTS = (None, CLOCK, ONE_SHOT, WALKER, product(CLOUD_NEED, TIME_NEED, WALK_NEED, walks_servers=True))
FILES = ("icmp", "link", "persist", "return", "time", "udp")


@cache
def scripts() -> tuple[Case, ...]:
    return tuple(c for c in load_all() if c.id.split("::")[0] in FILES)


@cache
def checks() -> tuple[Rule, ...]:
    return tuple(r for r in all_rules() if r.check.__module__.rsplit(".", 1)[-1] in MODULES)


def devices(frames: Sequence[Frame], which: int) -> list[Facts]:
    return devices_of(scan_frames(frames), PRODUCTS[which])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rules_cite_frames_that_are_there_whatever_is_left_out(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(scripts()))
    kept = data.draw(st.lists(st.booleans(), min_size=len(case.frames), max_size=len(case.frames)))
    frames = [f for f, keep in zip(case.frames, kept, strict=True) if keep]

    for facts in devices(frames, data.draw(st.integers(0, len(PRODUCTS) - 1))):
        for fired in (f for rule in checks() for f in rule.check(facts)):
            assert 1 <= len(fired.frames) <= MAX_FRAMES, fired.rule
            assert fired.frames == sorted(set(fired.frames)), fired.rule
            assert 1 <= fired.frames[0] <= fired.frames[-1] <= len(frames), fired.rule
            assert facts.start_ns <= fired.first_ns <= fired.last_ns <= facts.end_ns, fired.rule
            assert fired.outcome in next(r.outcomes for r in checks() if r.id == fired.rule), fired.rule


@pytest.mark.parametrize("case", [c for c in scripts() if c.expectation.verdict == "healthy"], ids=lambda c: c.id)
def test_a_healthy_device_stays_unaccused_when_the_capture_starts_late(case: Case) -> None:
    accused = []
    for start in range(0, len(case.frames), max(1, len(case.frames) // 12)):
        for facts in (f for which in (1, 3) for f in devices(case.frames[start:], which)):
            found = (f for rule in checks() for f in rule.check(facts))
            accused += [f"{start}: {f.rule} {f.summary}" for f in found if f.outcome is Outcome.FAILED]

    assert accused == []
