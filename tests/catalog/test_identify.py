"""The mechanics of recognition, on made-up products; the shipped ones are held against traps in test_identify_traps."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.catalog.identify import BROWSER_DOMAINS, FEW_DOMAINS, REPEATED, count_other_domains
from pcapaudit.catalog.schema import Forbid, HostPattern, Identify, Paper, Range, Sign, Signature
from pcapaudit.catalog.signs import NameTest, Subject
from pcapaudit.model.traits import Contacts, Traits
from pcapaudit.model.words import Identification
from tests.catalog.material import host, identify, shipped, went

BOX, PORTAL = HostPattern("box.acme.example"), HostPattern("www.acme.example")
VISIT = Sign(hosts=(BOX,), transport="tcp", ports=(Range(8443, 8443),))
QUERY = Sign(dns_query=(BOX,))
PORT = Sign(transport="tcp", ports=(Range(8443, 8443),))
HINT = Sign(addresses=(ip_network("192.0.2.0/24"),))
GUESS = replace(HINT, transport="tcp", ports=(Range(443, 443),))


def product(name: str = "box", *, strong: Any = (), weak: Any = (), never: Any = (), **more: Any) -> Signature:
    among = more.pop("among_others", False)
    signs = Identify(strong, weak, never, among_others=among)
    return Signature(f"acme/{name}", "acme", "Acme", name, name, Paper("p", "d"), identify=signs, **more)


def test_one_strong_sign_is_enough() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), asked=["box.acme.example"], others=4)
    found = identify(traits, [product(strong=(VISIT,))])
    assert (found.signature, found.kind) == ("acme/box", Identification.NAME)


def test_two_weak_signs_are_enough_and_one_is_not() -> None:
    box = product(weak=(PORT, HINT))
    assert identify(host(went("192.0.2.1", 8443)), [box]).signature == "acme/box"
    assert identify(host(went("198.51.100.1", 8443)), [box]).signature is None


def test_weak_signs_of_one_name_count_once() -> None:
    box = product(weak=(QUERY, Sign(sni=(BOX,))))
    traits = host(asked=["box.acme.example"], others=FEW_DOMAINS + 1, sni={"box.acme.example": 9})
    assert identify(traits, [box]).signature is None


@pytest.mark.parametrize(
    ("others", "asked", "is_device"),
    [
        (0, 1, True),
        (FEW_DOMAINS, 1, True),
        (FEW_DOMAINS + 1, 1, False),
        (FEW_DOMAINS + 1, REPEATED - 1, False),
        (BROWSER_DOMAINS - 1, REPEATED, True),
        (BROWSER_DOMAINS, 100, False),
    ],
)
def test_a_name_alone_is_enough_for_a_host_that_does_little_else_or_insists(
    others: int, asked: int, *, is_device: bool
) -> None:
    traits = host(asked=["box.acme.example"], others=others, query_counts={"box.acme.example": asked})
    assert (identify(traits, [product(weak=(QUERY, PORT))]).signature is not None) is is_device


@pytest.mark.parametrize(("others", "is_device"), [(BROWSER_DOMAINS - 1, True), (BROWSER_DOMAINS, False)])
def test_a_host_that_asks_for_many_other_domains_is_a_browser(others: int, *, is_device: bool) -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), asked=["box.acme.example"], others=others)
    assert (identify(traits, [product(strong=(VISIT,))]).signature is not None) is is_device
    assert identify(traits, [product(strong=(VISIT,), among_others=True)]).signature == "acme/box"


def test_an_address_with_its_port_is_a_guess_of_its_own() -> None:
    found = identify(host(went("192.0.2.1", 443)), [product(weak=(GUESS, QUERY))])
    assert (found.signature, found.kind) == ("acme/box", Identification.ADDRESS)


def test_one_sign_of_never_is_a_veto_and_is_told() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), asked=["box.acme.example", "www.acme.example"])
    found = identify(traits, [product(strong=(VISIT,), never=(Sign(dns_query=(PORTAL,)),))])
    assert found.signature is None
    assert [n.missing for n in found.nearest] == ["dns www.acme.example (frame 8) speaks against it"]


def test_forbidden_traffic_is_a_veto() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), asked=["box.acme.example"])
    assert identify(traits, [product(strong=(VISIT,), forbids=(Forbid("udp"),))]).signature == "acme/box"
    assert identify(traits, [product(strong=(VISIT,), forbids=(Forbid("tcp"),))]).signature is None


@pytest.mark.parametrize(("answers_dns", "is_router"), [(True, False), (False, True)])
def test_a_forwarder_and_a_router_are_never_devices(*, answers_dns: bool, is_router: bool) -> None:
    traits = host(
        went("192.0.2.1", 8443, "box.acme.example"),
        asked=["box.acme.example"],
        answers_dns=answers_dns,
        is_router=is_router,
    )
    assert identify(traits, [product(strong=(VISIT,))]).signature is None


def test_a_proxy_goes_where_others_want_and_is_no_device() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), asked=["box.acme.example"], is_proxy=True)
    assert identify(traits, [product(strong=(VISIT,))]).signature is None


def test_behind_an_address_that_many_share_nothing_speaks_against_one_of_them() -> None:
    traits = host(
        went("192.0.2.1", 8443, "box.acme.example"),
        asked=["box.acme.example", "www.acme.example"],
        others=30,
        is_shared=True,
        is_router=True,
    )
    box = product(strong=(VISIT,), never=(Sign(dns_query=(PORTAL,)),), forbids=(Forbid("tcp"),))
    assert identify(traits, [box]).signature == "acme/box"


def test_products_that_fit_equally_well_are_candidates_in_order() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), asked=["box.acme.example"])
    found = identify(traits, [product("b", strong=(VISIT,)), product("a", strong=(VISIT,))])
    assert (found.signature, found.candidates) == (None, ("acme/a", "acme/b"))


def test_a_name_beats_a_guess_and_more_signs_beat_fewer() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example"), went("192.0.2.9", 443), asked=["box.acme.example"])
    named, guessed = product("named", strong=(VISIT,)), product("guessed", weak=(GUESS, HINT))
    richer = product("richer", strong=(VISIT,), weak=(PORT,))
    assert identify(traits, [guessed, named]).signature == "acme/named"
    assert identify(traits, [named, richer]).signature == "acme/richer"


def test_of_several_signs_in_one_frame_the_strongest_is_told() -> None:
    traits = host(went("192.0.2.1", 8443, "box.acme.example", frame=31), asked=["box.acme.example"])
    found = identify(traits, [product(strong=(VISIT,), weak=(QUERY, PORT))])
    assert found.by == ("dns box.acme.example (frame 7)", "tcp 8443 to box.acme.example (frame 31)")


def test_near_misses_come_nearest_first_with_what_is_missing() -> None:
    traits = host(went("192.0.2.1", 8443), asked=["box.acme.example"], others=9)
    found = identify(traits, [product("a", weak=(PORT, VISIT)), product("b", weak=(QUERY, PORT))])
    assert [near.signature for near in found.nearest] == ["acme/b", "acme/a"]
    assert found.nearest[0].seen == ("dns box.acme.example (frame 7)", "tcp 8443 (frame 20)")
    assert found.nearest[0].missing == "it asks for 9 unrelated domains as well, as a browser does"


def test_a_host_without_any_sign_is_near_nothing() -> None:
    assert identify(Traits("h"), [product(strong=(VISIT,))]) == identify(Traits("h"), [])


@pytest.mark.parametrize(
    ("traits", "others"),
    [
        (host(asked=["box.acme.example"], others=3), 3),
        (host(sni={"a.one.example": 1, "b.one.example": 2, "two.example": 3}), 2),
        (host(asked=["box.acme.example"], sni={"box.acme.example": 1}), 0),
        (host(http_hosts={"www.one.example": 1}, sni={"www.two.example": 1}), 2),
        (Traits("h"), 0),
    ],
)
def test_other_domains_are_those_asked_or_else_those_said(traits: Traits, others: int) -> None:
    # The made-up domains below "example" have two labels, as real ones mostly do.
    assert count_other_domains(Subject(traits), NameTest([HostPattern("box.acme.example")])) == others


NAMES = [pattern.text.replace("*", "x") for signature in shipped() for pattern in signature.host_patterns()]
TRAITS = st.builds(
    Traits,
    st.just("h"),
    queried=st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=9)), st.integers(1, 99), max_size=6),
    contacts=st.lists(
        st.builds(
            went,
            st.ip_addresses().map(str),
            st.sampled_from([21, 80, 443, 4321, 5432, 8844, 9001, 57000]),
            st.sampled_from(NAMES),
            transport=st.sampled_from(["tcp", "udp"]),
        ),
        max_size=4,
    ).map(Contacts.of),
    registered_domains=st.integers(0, 9),
    sent_tcp=st.booleans(),
    is_shared=st.booleans(),
)


@given(TRAITS)
def test_every_host_is_one_product_or_several_equal_ones_or_none(traits: Traits) -> None:
    found = identify(traits, shipped())
    assert not (found.signature and found.candidates)
    assert len(found.candidates) != 1
    assert (found.kind is not None) is bool(found.signature or found.candidates)
    assert bool(found.by) is (found.kind is not None)
    assert found == identify(traits, tuple(reversed(shipped()))), "the order of the files must not matter"
