from __future__ import annotations

import doctest
import importlib

import pytest

from pcapaudit.catalog.load import load_signatures
from pcapaudit.notebook.shared_names import NETWORK_TIME, find_purpose


@pytest.mark.parametrize(
    "name",
    [
        "pool.ntp.org",
        "2.debian.pool.ntp.org",
        "time.windows.com",
        "captive.apple.com",
        "connectivitycheck.gstatic.com",
        "www.msftconnecttest.com",
        "download.windowsupdate.com",
        "deb.debian.org",
        "r3.o.lencr.org",
        "ocsp.digicert.com",
    ],
)
def test_names_that_any_device_asks_for_have_a_purpose(name: str) -> None:
    assert find_purpose(name)
    assert find_purpose(name.upper() + ".")


def test_the_signs_of_no_shipped_product_are_taken_for_everybodys() -> None:
    named = [n.text for s in load_signatures() for sign in s.identify.strong for n in sign.names]
    assert named
    assert not [name for name in named if find_purpose(name.removeprefix("*."))]


def test_time_servers_are_told_from_the_rest() -> None:
    assert find_purpose("time.apple.com") == NETWORK_TIME
    assert find_purpose("ntp.org.example.com") is None
    assert find_purpose("mypool.ntp.org.evil.com") is None


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(importlib.import_module("pcapaudit.notebook.shared_names")).failed == 0
