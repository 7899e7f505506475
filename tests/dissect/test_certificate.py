from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import guard
from pcapaudit.dissect.certificate import read_certificate
from pcapaudit.model.events import CertificateFacts, Malformed
from tests.dissect.material import hostile, packet
from tests.dissect.tls_material import NOT_AFTER, NOT_BEFORE, certificate, public_key

LEAF = certificate("GK.sensorist.com", "*.sensorist.net")


def test_names_times_and_key_are_those_the_certificate_was_made_with() -> None:
    facts = read_certificate(LEAF)
    assert (facts.subject, facts.issuer, facts.is_self_issued) == ("CN=gk.sensorist.com", "CN=Test Authority", False)
    assert facts.names == ("gk.sensorist.com", "*.sensorist.net")
    assert facts.not_before_ns == int(NOT_BEFORE.timestamp()) * 10**9
    assert facts.not_after_ns == int(NOT_AFTER.timestamp()) * 10**9
    assert facts.key_sha256 == sha256(public_key()).hexdigest()


def test_without_an_alternative_name_the_common_name_counts() -> None:
    assert read_certificate(certificate(subject="Router.local")).names == ("router.local",)


def test_an_authority_issues_itself() -> None:
    assert read_certificate(certificate(subject="Same", issuer="Same")).is_self_issued


def test_a_broken_extension_does_not_hide_the_names() -> None:
    # BasicConstraints with pathLen for cA: an INTEGER where only BOOLEAN may stand first, same length.
    broken = LEAF.replace(bytes.fromhex("30030101ff"), bytes.fromhex("3003010101"))
    assert broken != LEAF
    assert read_certificate(broken).names == ("gk.sensorist.com", "*.sensorist.net")


BROKEN = {"empty": b"", "length": b"\x30\x82\xff\xff", "cut": LEAF[:-40], "start": LEAF[:100]}


@pytest.mark.parametrize("der", BROKEN.values(), ids=BROKEN)
def test_a_broken_certificate_is_malformed_behind_the_guard(der: bytes) -> None:
    assert isinstance(guard.parse(read_certificate, der, at=packet(), protocol="certificate"), Malformed)


@settings(deadline=None)
@given(hostile(LEAF, certificate()))
def test_no_bytes_pass_the_guard_as_an_error(der: bytes) -> None:
    facts = guard.parse(read_certificate, der, at=packet(), protocol="certificate")
    assert isinstance(facts, CertificateFacts | Malformed)
