from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from pcapaudit.diagnose.domains import is_public_name, registered_domain


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


WHOLE = PublicSuffixList()
NAMES = st.lists(
    st.sampled_from(
        ["a", "www", "xn--55qx5d", "公司", "cn", "com", "co", "uk", "city", "kobe", "jp", "ck", "www.ck", "lan", ""]
    )
    | st.text("ab-.", max_size=3),
    min_size=1,
    max_size=4,
).map(".".join)


@given(NAMES)
def test_a_part_of_the_list_says_what_the_whole_list_says(name: str) -> None:
    assert registered_domain(name) == (WHOLE.privatesuffix(name) or name)
    assert is_public_name(name) == (WHOLE.privatesuffix(name, accept_unknown=False) is not None)
