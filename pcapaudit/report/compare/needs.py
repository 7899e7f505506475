"""The needs of one device in two reports, and the far sides of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, EndpointRef, EndpointReport, NeedReport
from pcapaudit.model.words import Result, Stage, State
from pcapaudit.report.compare.change import GAINED, Change, is_bad, is_good, judge_states
from pcapaudit.report.compare.document import FarSideChange, NeedChange, Since, Tries

TOO_SHORT = "the second capture is shorter than the fault took to show"
FarSide = tuple[str, str | None, int | None]
"""Name (else address), transport and port: what a firewall rule speaks of."""


@dataclass(frozen=True, slots=True)
class Index:
    """What is looked up again and again when two reports of a device are compared.

    Attributes:
        names: Address -> the one name that it goes by in both; addresses of several names are left out.
        far_sides: Far side -> what the second report says of it, one for each address.
        found: Names that led to an address in the second report.
        ended: Far side -> when its last failure ended in the second report.
    """

    names: Mapping[str, str]
    far_sides: Mapping[FarSide, Sequence[EndpointReport]]
    found: frozenset[str]
    ended: Mapping[FarSide, Since]

    def key(self, far: EndpointRef | EndpointReport) -> FarSide:
        """The far side: addresses behind one name change and are one."""
        address = far.address or ""
        return far.host or self.names.get(address, address), far.transport, far.port


def index_of(old: DeviceReport, new: DeviceReport) -> Index:
    """The index over both reports of a device."""
    far_sides: dict[FarSide, list[EndpointReport]] = {}
    ended: dict[FarSide, Since] = {}
    found = frozenset(far.host for need in new.needs for far in need.endpoints if far.host and far.address)
    index = Index(_names_of(old, new), far_sides, found, ended)
    for need in new.needs:
        for far in need.endpoints:
            far_sides.setdefault(index.key(far), []).append(far)
    for finding in new.findings:
        if finding.recovered_at and finding.endpoint:
            since = Since(finding.recovered_at, finding.evidence.frames, is_exact=True)
            key = index.key(finding.endpoint)
            ended[key] = max(since, ended.get(key, since), key=lambda s: s.at)
    return index


def _names_of(*devices: DeviceReport) -> dict[str, str]:
    names: dict[str, set[str]] = {}
    for device in devices:
        for need in device.needs:
            for far in need.endpoints:
                if far.host and far.address:
                    names.setdefault(far.address, set()).add(far.host)
    return {address: next(iter(hosts)) for address, hosts in names.items() if len(hosts) == 1}


def compare_needs(old: DeviceReport, new: DeviceReport, index: Index, *, is_long: bool) -> Iterator[NeedChange]:
    """Every need of either report.

    Args:
        old: The device in the first report.
        new: The device in the second.
        index: Over both.
        is_long: Whether the second capture would show a fault that comes and goes.
    """
    olds, news = ({need.id: need for need in device.needs} for device in (old, new))
    for name in dict.fromkeys([*news, *olds]):
        one, other = olds.get(name), news.get(name)
        shown = other or one
        assert shown is not None  # noqa: S101 - the name comes from one of them
        change, reason = _judge_need(one, other, is_long=is_long)
        yield NeedChange(
            shown.id,
            shown.what,
            shown.required,
            _tries(one) if one else None,
            _tries(other) if other else None,
            change,
            reason,
            _find_since(other, index) if other and change in GAINED else None,
            tuple(_compare_far_sides(one, other, index)),
        )


def _judge_need(one: NeedReport | None, other: NeedReport | None, *, is_long: bool) -> tuple[Change, str | None]:
    change = judge_states(one.state if one else None, other.state if other else None)
    if change is Change.REPAIRED and one is not None and not is_long and _comes_and_goes(one):
        return Change.CANNOT_TELL, TOO_SHORT
    if change is not Change.CANNOT_TELL:
        return change, None
    if other is None:
        return change, "the second report does not judge it"
    if other.result == Result.NOT_ATTEMPTED:
        return change, "not tried in the second capture"
    if other.state is State.NOT_REACHED:
        return change, "it does not get that far in the second capture"
    said = next((rung.reason for rung in other.stages if not is_good(rung.state) and rung.reason), None)
    return change, said or "the capture cannot tell"


def _comes_and_goes(need: NeedReport) -> bool:
    """Whether it worked, only badly, or until the connection was lost."""
    bad = {rung.stage for rung in need.stages if is_bad(rung.state)}
    return need.state is State.DEGRADED or bad == {Stage.PERSIST}


def _tries(need: NeedReport) -> Tries:
    return Tries(need.state, need.result, need.attempts, need.first, need.last, need.frames)


def _find_since(need: NeedReport, index: Index) -> Since | None:
    """From when on a need works: by the far side that worked first."""
    found = [_far_since([far], index) for far in need.endpoints if is_good(far.state)]
    known = [since for since in found if since is not None]
    if known:
        return min(known, key=lambda since: since.at)
    return Since(need.first, need.frames, is_exact=False) if need.first else None


def _far_since(fars: Sequence[EndpointReport], index: Index) -> Since | None:
    """When the failure of a far side ended, else the first try of one that works."""
    ended = [since for since in (index.ended.get(index.key(far)) for far in fars) if since is not None]
    if ended:
        return max(ended, key=lambda since: since.at)
    begun = [Since(far.first, far.frames, is_exact=False) for far in fars if far.first and is_good(far.state)]
    return min(begun, key=lambda since: since.at, default=None)


def _compare_far_sides(one: NeedReport | None, other: NeedReport | None, index: Index) -> Iterator[FarSideChange]:
    olds, news = (_by_far_side(need, index) for need in (one, other))
    for key in dict.fromkeys([*news, *olds]):
        before, after = olds.get(key, []), news.get(key, [])
        change = judge_states(_state_of(before), _state_of(after))
        since = _far_since(after, index) if change in GAINED else None
        yield FarSideChange(*key, _far_tries(before), _far_tries(after), change, since)


def _by_far_side(need: NeedReport | None, index: Index) -> dict[FarSide, list[EndpointReport]]:
    table: dict[FarSide, list[EndpointReport]] = {}
    for far in need.endpoints if need else ():
        table.setdefault(index.key(far), []).append(far)
    return table


def _state_of(fars: Sequence[EndpointReport]) -> State | None:
    """The state over all addresses of a name: degraded where some of them work and some do not."""
    states = {far.state for far in fars}
    if not states:
        return None
    has_good, has_bad = any(map(is_good, states)), any(map(is_bad, states))
    if has_good and has_bad:
        return State.DEGRADED
    if has_good:
        return State.OK
    return State.FAILED if State.FAILED in states else next(far.state for far in fars)


def _far_tries(fars: Sequence[EndpointReport]) -> Tries | None:
    state = _state_of(fars)
    if state is None:
        return None
    worst = next((far for far in fars if is_bad(far.state)), fars[0])
    firsts, lasts = [far.first for far in fars if far.first], [far.last for far in fars if far.last]
    return Tries(
        state,
        worst.result,
        sum(far.attempts for far in fars),
        min(firsts, default=None),
        max(lasts, default=None),
        tuple(sorted({frame for far in fars for frame in far.frames})[:10]),
        tuple(sorted({far.address for far in fars if far.address})),
    )
