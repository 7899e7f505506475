from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.catalog.schema import HostPattern, Range, Sign
from pcapaudit.catalog.signs import MAX_KNOWN, MAX_NAMES, Evidence, NameTest, Probe, Sieve, Subject
from pcapaudit.model.traits import Contact, Contacts, Traits
from pcapaudit.model.words import Identification
from tests.catalog.material import host, went

GK = HostPattern("gk.sensorist.com")
CLOUD, ELSEWHERE = "54.229.203.190", "198.51.100.7"
HINTS = (ip_network(f"{CLOUD}/32"),)
VISIT = Sign(hosts=(GK,), transport="tcp", ports=(Range(443, 443), Range(4321, 4321)))
QUERY = Sign(dns_query=(GK,))
SHAPE = Sign(transport="udp", ports=(Range(8844, 8844),), payload=Range(16, 1024), source_ports=Range(28672, 32767))
HINTED = Sign(transport="tcp", ports=(Range(443, 443),), addresses=HINTS)
INBOUND = Sign(transport="tcp", ports=(Range(9001, 9001),), is_inbound=True)
PRIVATE = Sign(transport="tcp", ports=(Range(9001, 9001),), is_private=True)


def find_evidence(sign: Sign, traits: Traits, known: tuple[HostPattern, ...] = ()) -> Evidence | None:
    return Probe(sign).find(Subject(traits), NameTest(known))


def datagrams(*, low: int = 24, high: int = 152, source: int = 29000, port: int = 8844, over: str = "udp") -> Contact:
    more = {"payload_low": low, "payload_high": high, "source_low": source, "source_high": source + 100}
    return went(CLOUD, port, transport=over, **more)


@pytest.mark.parametrize(
    ("sign", "traits", "holds"),
    [
        pytest.param(VISIT, host(went(CLOUD, 4321, "gk.sensorist.com"), asked=["gk.sensorist.com"]), True, id="went"),
        pytest.param(
            VISIT,
            host(went(CLOUD, 443, "GK.sensorist.com"), sni={"GK.sensorist.com": 3}),
            True,
            id="said in SNI, in any letter case",
        ),
        pytest.param(VISIT, host(asked=["gk.sensorist.com"]), False, id="asked and stayed"),
        pytest.param(VISIT, host(went(CLOUD, 80, "gk.sensorist.com"), asked=["gk.sensorist.com"]), False, id="port"),
        pytest.param(VISIT, host(went(CLOUD, 443), asked=["gk.sensorist.com"]), False, id="went somewhere unknown"),
        pytest.param(VISIT, host(went(CLOUD, 443, "gk.sensorist.com")), False, id="others' lookup named the address"),
        pytest.param(
            VISIT,
            host(went(CLOUD, 443, "gk.sensorist.com", transport="udp"), asked=["gk.sensorist.com"]),
            False,
            id="by UDP",
        ),
        pytest.param(QUERY, host(asked=["www.example", "gk.sensorist.com"]), True, id="query"),
        pytest.param(QUERY, host(asked=["my.gk.sensorist.com"]), False, id="query for a name below"),
        pytest.param(QUERY, host(sni={"gk.sensorist.com": 3}), False, id="SNI is no query"),
        pytest.param(Sign(sni=(GK,)), host(sni={"gk.sensorist.com": 3}), True, id="sni"),
        pytest.param(Sign(http_host=(GK,)), host(http_hosts={"gk.sensorist.com": 3}), True, id="http host"),
        pytest.param(
            Sign(after_lease=(GK,)),
            host(asked=["gk.sensorist.com"], asked_after_lease=("gk.sensorist.com",)),
            True,
            id="after the lease",
        ),
        pytest.param(Sign(after_lease=(GK,)), host(asked=["gk.sensorist.com"]), False, id="long after the lease"),
        pytest.param(SHAPE, host(datagrams()), True, id="shape"),
        pytest.param(SHAPE, host(datagrams(low=15)), False, id="payload too small"),
        pytest.param(SHAPE, host(datagrams(high=1025)), False, id="payload too big"),
        pytest.param(SHAPE, host(datagrams(low=0, high=0)), False, id="no payload"),
        pytest.param(SHAPE, host(datagrams(source=28671)), False, id="own port below the range"),
        pytest.param(SHAPE, host(datagrams(source=32767)), False, id="own port beyond the range"),
        pytest.param(SHAPE, host(datagrams(port=8845)), False, id="another port"),
        pytest.param(SHAPE, host(datagrams(over="tcp")), False, id="by TCP"),
        pytest.param(HINTED, host(went(CLOUD, 443)), True, id="address and port"),
        pytest.param(HINTED, host(went(ELSEWHERE, 443)), False, id="another address"),
        pytest.param(HINTED, host(went(CLOUD, 443, "gk.sensorist.com")), True, id="address with the product's name"),
        pytest.param(HINTED, host(went(CLOUD, 443, "www.shop.example")), False, id="address with a foreign name"),
        pytest.param(INBOUND, host(inbound=Contacts.of([went("10.0.0.9", 9001)])), True, id="opened by others"),
        pytest.param(INBOUND, host(went("10.0.0.9", 9001)), False, id="opened by itself"),
        pytest.param(PRIVATE, host(went("10.0.0.9", 9001)), True, id="inside the site"),
        pytest.param(PRIVATE, host(went(ELSEWHERE, 9001)), False, id="outside the site"),
    ],
)
def test_a_sign_holds_when_all_its_parts_do(sign: Sign, traits: Traits, *, holds: bool) -> None:
    assert (find_evidence(sign, traits, (GK,)) is not None) is holds


def test_the_evidence_of_a_visit_names_both_frames() -> None:
    traits = host(went(CLOUD, 4321, "gk.sensorist.com", frame=31), asked=["gk.sensorist.com"])
    found = find_evidence(VISIT, traits)
    assert found is not None
    assert dict(found.by) == {
        7: "dns gk.sensorist.com (frame 7)",
        31: "tcp 4321 to gk.sensorist.com (frame 31)",
    }
    assert (found.kind, found.name, found.is_said) == (Identification.NAME, "gk.sensorist.com", False)


@pytest.mark.parametrize(
    ("sign", "traits", "kind", "by"),
    [
        (QUERY, host(asked=["gk.sensorist.com"]), Identification.NAME, "dns gk.sensorist.com (frame 7)"),
        (
            SHAPE,
            host(datagrams()),
            Identification.SHAPE,
            "udp 8844 from ports 29000–29100 with 24–152 bytes (frame 20)",
        ),
        (HINTED, host(went(CLOUD, 443)), Identification.ADDRESS, "tcp 443 to 54.229.203.190 (frame 20)"),
        (
            INBOUND,
            host(inbound=Contacts.of([went("10.0.0.9", 9001)])),
            Identification.ADDRESS,
            "tcp 9001 opened by 10.0.0.9 (frame 20)",
        ),
    ],
)
def test_the_evidence_says_by_what_and_where(sign: Sign, traits: Traits, kind: Identification, by: str) -> None:
    found = find_evidence(sign, traits)
    assert found is not None
    assert (found.kind, list(found.by.values())) == (kind, [by])


def test_only_an_address_with_its_port_can_stand_alone() -> None:
    with_port = find_evidence(HINTED, host(went(CLOUD, 443)))
    without = find_evidence(replace(HINTED, ports=(), transport=None), host(went(CLOUD, 443)))
    assert with_port is not None
    assert without is not None
    assert (with_port.is_complete, without.is_complete) == (True, False)


def test_the_earliest_frame_that_shows_it_is_cited() -> None:
    late, early = went(CLOUD, 443, frame=90), went(CLOUD, 443, frame=12)
    found = find_evidence(HINTED, host(late, early))
    assert found is not None
    assert list(found.by) == [12]


def test_a_host_that_asks_for_more_names_than_any_device_is_looked_at_in_part() -> None:
    names = [f"n{number}.example" for number in range(MAX_NAMES)]
    assert list(Subject(host(asked=[*names, "beyond.example"])).queried) == names
    assert find_evidence(QUERY, host(asked=[*names, "gk.sensorist.com"])) is None


def test_a_name_fits_any_of_several_patterns() -> None:
    test = NameTest((HostPattern("a.example"), GK))

    assert test.fits("gk.sensorist.com")
    assert test.fits("gk.sensorist.com"), "asked again"
    assert not test.fits("b.example")
    assert not NameTest(()).fits("gk.sensorist.com")


def test_a_test_of_names_remembers_no_more_than_its_bound() -> None:
    test = NameTest((GK,))

    assert not any(test.fits(f"n{number}.example") for number in range(MAX_KNOWN + 1))
    assert test.fits("gk.sensorist.com")


SIGNS = st.sampled_from([VISIT, QUERY, SHAPE, HINTED, INBOUND, PRIVATE, Sign(after_lease=(GK,))])
NAMES = st.one_of(st.just("gk.sensorist.com"), st.text(max_size=12))
CONTACTS = st.builds(
    Contact,
    st.sampled_from(["tcp", "udp"]),
    st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)),
    st.sampled_from([443, 4321, 8844, 9001, 0, 65535]),
    st.lists(NAMES, max_size=3).map(tuple),
    st.integers(0, 99),
)


@given(SIGNS, st.lists(CONTACTS, max_size=4).map(tuple), st.dictionaries(NAMES, st.integers(1, 99), max_size=4))
def test_whatever_a_host_did_a_sign_holds_or_does_not(
    sign: Sign, contacts: tuple[Contact, ...], queried: dict[str, int]
) -> None:
    met = Contacts.of(contacts)
    traits = Traits("h", contacts=met, inbound=met, queried=queried, asked_after_lease=tuple(queried))
    probe, subject = Probe(sign), Subject(traits)
    found = probe.find(subject, NameTest((GK,)))
    assert found is None or found.by
    assert found is None or probe in Sieve([probe]).sift(subject), "what holds is likely"


def test_of_many_signs_those_are_likely_of_which_a_host_shows_something() -> None:
    signs = (VISIT, QUERY, SHAPE, HINTED, INBOUND, PRIVATE)
    probes = [Probe(sign) for sign in signs]

    def likely(traits: Traits) -> list[Sign]:
        found = Sieve(probes).sift(Subject(traits))
        return [probe.sign for probe in probes if probe in found]

    assert likely(host(asked=["www.example"])) == []
    assert likely(host(asked=["www.example", "GK.sensorist.com"])) == [VISIT, QUERY]
    assert likely(host(went(ELSEWHERE, 443), went(ELSEWHERE, 9001))) == [PRIVATE]
    assert likely(host(went(CLOUD, 80), datagrams())) == [SHAPE, HINTED]
    assert likely(host(inbound=Contacts.of([went("10.0.0.9", 9001)]))) == [INBOUND]
    assert likely(host(asked=[f"n{number}.example" for number in range(MAX_NAMES + 1)])) == [VISIT, QUERY]


@pytest.mark.parametrize(
    ("network", "address", "lies_in"),
    [
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "2001:db9::", False),
        ("0.0.0.0/0", "::1", False),
        ("::/0", "192.0.2.1", False),
    ],
)
def test_an_address_lies_in_networks_of_its_own_family(network: str, address: str, *, lies_in: bool) -> None:
    assert Probe(Sign(addresses=(ip_network(network),))).is_hinted(ip_address(address).packed) is lies_in
