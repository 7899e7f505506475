from __future__ import annotations

import pytest

from pcapaudit.diagnose.domains import registered_domain


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gk.sensorist.com", "sensorist.com"),
        ("sensorist.com", "sensorist.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("b27f04.skalanexus.com", "skalanexus.com"),
        ("co.uk", "co.uk"),
        ("printer", "printer"),
        ("", ""),
    ],
)
def test_one_owner_registered(name: str, expected: str) -> None:
    assert registered_domain(name) == expected
