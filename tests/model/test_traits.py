from __future__ import annotations

import pytest

from pcapaudit.model.traits import NOBODY, Contact, Contacts, Traits

CONTACT = Contact("tcp", b"\x36\xe5\xcb\xbe", 4321, ("gk.sensorist.com",), 7, 3, 0, 0, 50000, 50002, answered=False)
TRAITS = Traits(
    "dev",
    None,
    (),
    {},
    {},
    {},
    Contacts.of([CONTACT]),
    NOBODY,
    0,
    (),
    answers_dns=False,
    is_router=False,
    sent_tcp=True,
    asked_after_lease=(),
)


@pytest.mark.parametrize(("thing", "name"), [(CONTACT, "port"), (TRAITS, "host")])
def test_what_was_seen_of_a_host_does_not_change(thing: object, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(thing, name, 0)


def test_equal_sightings_are_equal_and_count_once() -> None:
    again = Contact("tcp", b"\x36\xe5\xcb\xbe", 4321, ("gk.sensorist.com",), 7, 3, 0, 0, 50000, 50002, answered=False)

    assert len({CONTACT, again}) == 1


LATE = CONTACT._replace(first_frame=90)
WEB = CONTACT._replace(port=443, first_frame=8)
QUERY = Contact("udp", b"\x08\x08\x08\x08", 53, first_frame=3)


@pytest.mark.parametrize(
    ("transport", "ports", "expected"),
    [
        (None, (), [QUERY, CONTACT, WEB, LATE]),
        ("tcp", (), [CONTACT, WEB, LATE]),
        ("tcp", ((443, 443), (9000, 9100)), [WEB]),
        ("tcp", ((4000, 5000),), [CONTACT, LATE]),
        ("udp", ((443, 443),), []),
    ],
)
def test_contacts_are_found_by_their_service_in_order_of_the_frames(
    transport: str | None, ports: tuple[tuple[int, int], ...], expected: list[Contact]
) -> None:
    contacts = Contacts.of([LATE, WEB, QUERY, CONTACT])

    assert list(contacts.on(transport, ports)) == expected
    assert list(contacts.on(transport, ports)) == expected, "asked again"
