from __future__ import annotations

import pytest

from pcapaudit.diagnose.certificates import (
    doubt_about,
    end_of_handshake,
    has_trusted_clock,
    inspection_signs,
    is_name_for,
    is_public_authority,
    offers_of,
)
from tests.support.services import facts_of

HOSTS = {"cloud": "54.229.203.190", "elsewhere": "104.18.32.68", "clock": "162.159.200.1"}


def shown(paper: str, more: str = "") -> str:
    """A handshake in which the server shows this certificate in frame 6; the device closes in frame 8."""
    return f"""
        1.0   dev:50001 > cloud:443 CONNECT
        1.1   dev:50001 > cloud:443 TLS hello sni=gk.sensorist.com versions=1.2
        1.13  cloud:443 > dev:50001 TLS server-hello version=1.2
        1.131 cloud:443 > dev:50001 TLS cert {paper}
        1.132 cloud:443 > dev:50001 TLS done
        1.15  dev:50001 > cloud:443 FIN
        {more}
    """


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("gk.sensorist.com", "GK.sensorist.com", True),
        ("*.sensorist.com", "gk.sensorist.com", True),
        ("*.sensorist.com", "sensorist.com", False),
        ("*.sensorist.com", "a.gk.sensorist.com", False),
        ("g*.sensorist.com", "gk.sensorist.com", False),
        ("*.com", "sensorist.com", False),
        ("*", "sensorist.com", False),
    ],
)
def test_a_star_stands_for_one_whole_label_as_rfc_6125_has_it(pattern: str, host: str, *, fits: bool) -> None:
    assert is_name_for(pattern, host) is fits


@pytest.mark.parametrize(
    ("paper", "word"),
    [
        ("names=gk.sensorist.com until=-1", "ran out"),
        ("names=gk.sensorist.com from=1", "valid only from"),
        ("names=www.example.org", "made out to www.example.org"),
        ("names=*.sensorist.com", None),
    ],
)
def test_a_certificate_is_judged_by_dates_and_name(paper: str, word: str | None) -> None:
    facts = facts_of(shown(paper), hosts=HOSTS)
    (offer,) = offers_of(facts.attempts)
    doubt = doubt_about(facts, offer)

    assert (doubt is None) if word is None else (doubt is not None and word in doubt.text)


def test_dates_are_left_alone_when_a_time_server_contradicts_the_capture() -> None:
    facts = facts_of(shown("names=gk.sensorist.com until=-1", "2.0 dev > clock NTP offset=-86400"), hosts=HOSTS)
    (offer,) = offers_of(facts.attempts)

    assert not has_trusted_clock(facts)
    assert doubt_about(facts, offer) is None


def test_the_device_ended_the_handshake_by_its_alert_or_by_closing() -> None:
    closed = offers_of(facts_of(shown("names=a.example"), hosts=HOSTS).attempts)[0]
    script = shown("names=a.example").replace("dev:50001 > cloud:443 FIN", "dev:50001 > cloud:443 TLS alert 48")
    refused = offers_of(facts_of(script, hosts=HOSTS).attempts)[0]
    served = shown("names=a.example").replace("dev:50001 > cloud:443 FIN", "cloud:443 > dev:50001 FIN")
    left = offers_of(facts_of(served, hosts=HOSTS).attempts)[0]
    ends = [end_of_handshake(offer) for offer in (closed, refused, left)]

    assert [p.frame if p else None for p in ends] == [8, 8, None]


def another(names: str, server: str = "elsewhere") -> str:
    """Another host of the capture is shown a certificate with the key ``box``."""
    return f"""
        5.0  pc > {server}:443 CONNECT
        5.1  pc > {server}:443 TLS12 sni=www.example.org names={names} key=box
    """


@pytest.mark.parametrize(
    ("paper", "more", "count"),
    [
        pytest.param('names=gk.sensorist.com issuer="Zscaler Root"', "", 1, id="the issuer names a product"),
        pytest.param("names=gk.sensorist.com key=box", another("www.example.org"), 1, id="one key, two owners"),
        pytest.param("names=gk.sensorist.com key=own", another("www.example.org"), 0, id="two keys"),
        pytest.param(
            'names=gk.sensorist.com key=own issuer="Corp CA"',
            another('www.example.org issuer="Corp CA"'),
            1,
            id="one signer whom nobody knows, two owners",
        ),
        pytest.param("names=gk.sensorist.com key=box", another("www.example.org", "cloud"), 0, id="one address"),
        pytest.param(
            "names=gk.sensorist.com,www.example.org key=box", another("www.example.org"), 0, id="one names both"
        ),
        pytest.param('names=gk.sensorist.com issuer="Corp CA"', "", 0, id="an issuer alone"),
    ],
)
def test_signs_of_inspection(paper: str, more: str, count: int) -> None:
    facts = facts_of(shown(paper, more), hosts=HOSTS)
    (offer,) = offers_of(facts.attempts)

    assert len(inspection_signs(facts, offer)) == count


@pytest.mark.parametrize(
    ("issuer", "is_known"),
    [
        ("CN=R11,O=Let's Encrypt,C=US", True),
        ("CN=Amazon RSA 2048 M02,O=Amazon,C=US", True),
        ("CN=Northwind Root", False),
        ("", True),
    ],
)
def test_public_authorities_are_known_by_name(issuer: str, is_known: bool) -> None:
    assert is_public_authority(issuer) is is_known
