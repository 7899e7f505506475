from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from pcapaudit.flows import talks
from pcapaudit.flows.packets import PacketLog
from pcapaudit.flows.streams import Streams
from pcapaudit.flows.talks import Talks
from pcapaudit.model.events import Event, Packet, TlsClientHello
from tests.support.scene import traffic_of

SCRIPT = "\n".join(
    f"{n}.0 dev:5000{n} > cloud:443 CONNECT\n{n}.5 dev > cloud TLS hello sni=h{n}.example\n"
    f"{n}.6 dev > cloud TLS data 100\n"
    for n in range(3)
)


def talks_of(script: str) -> Talks:
    traffic = traffic_of(script)
    log = PacketLog(traffic.result)
    return Talks(Streams(traffic.result, traffic.spoken.read, log), log)


def test_all_packets_of_a_message_are_known() -> None:
    for kind in get_args(Event):
        fields = [name for name, hint in get_type_hints(kind).items() if Packet in (hint, *get_args(hint))]
        assert fields == [kind._fields[place] for place in talks._PLACES.get(kind, (0,))]


def test_what_was_put_away_is_the_same() -> None:
    found = talks_of(SCRIPT)
    said = [found.of(flow) for flow in range(3)]
    assert [e.sni for e in said[1] if isinstance(e, TlsClientHello)] == ["h1.example"]

    for _ in range(2):
        found.put_away()
        again = [found.of(flow) for flow in range(3)]
        assert again == said
        assert [list(map(type, events)) for events in again] == [list(map(type, events)) for events in said]
        assert again[0] is found.of(0)


def test_what_was_put_away_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = talks_of(SCRIPT)
    said = found.of(0)
    found.put_away()
    monkeypatch.setattr(Streams, "of", None)

    assert found.of(0) == said


def test_no_more_is_kept_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talks, "MAX_OPEN", 1)
    monkeypatch.setattr(talks, "MAX_EVENTS", 1)
    found = talks_of(SCRIPT)
    said = [list(found.of(flow)) for flow in range(3)]

    assert list(found._open) == [2]
    assert list(found._packed) == [1]
    assert [found.of(flow) for flow in range(3)] == said


def test_what_is_forgotten_is_counted_no_more() -> None:
    found = talks_of(SCRIPT)
    for flow in range(3):
        found.of(flow)
        found.forget([flow])
        found.of(flow)
        found.put_away()
        found.of(flow)
        found.forget([flow])
        found.forget([flow])

    assert (found._open_count, found._packed_count) == (0, 0)
