from __future__ import annotations

import pytest

from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.model.words import Vantage
from tests.support.judging import facts_of

WORLD = {
    "cloud": "54.229.203.190",
    "nat": {"ip": "198.51.100.7", "mac": "02:00:00:00:00:aa", "ttl": 63},
    "pub": {"ip": "198.51.100.8", "mac": "02:00:00:00:00:bb"},
}
VIEWS = {
    "a private address is inside": ("0.0 dev:50000 > cloud:4321 SYN", "10.0.0.5", Vantage.LAN),
    "a translator's address is outside": ("0.0 nat:50000 > cloud:4321 SYN", "198.51.100.7", Vantage.WAN),
    "a public address on the link is inside": ("0.0 pub:50000 > cloud:4321 SYN", "198.51.100.8", Vantage.LAN),
    "an address that came over a router is outside": ("0.0 cloud:50000 > dev:4321 SYN", "54.229.203.190", Vantage.WAN),
}


@pytest.mark.parametrize(("script", "address", "expected"), VIEWS.values(), ids=VIEWS)
def test_the_side_of_the_translation(script: str, address: str, expected: Vantage) -> None:
    assert vantage_of(facts_of(script, hosts=WORLD, address=address)) is expected
