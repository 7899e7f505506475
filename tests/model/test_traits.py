from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from pcapaudit.model.traits import Contact, Traits

CONTACT = Contact("tcp", b"\x36\xe5\xcb\xbe", 4321, ("gk.sensorist.com",), 7, 3, 0, 0, 50000, 50002, answered=False)
TRAITS = Traits(
    "dev",
    None,
    (),
    {},
    {},
    {},
    (CONTACT,),
    (),
    0,
    (),
    answers_dns=False,
    is_router=False,
    sent_tcp=True,
    asked_after_lease=(),
)


@pytest.mark.parametrize(("thing", "name"), [(CONTACT, "port"), (TRAITS, "host")])
def test_what_was_seen_of_a_host_does_not_change(thing: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(thing, name, 0)


def test_equal_sightings_are_equal_and_count_once() -> None:
    again = Contact("tcp", b"\x36\xe5\xcb\xbe", 4321, ("gk.sensorist.com",), 7, 3, 0, 0, 50000, 50002, answered=False)

    assert len({CONTACT, again}) == 1
