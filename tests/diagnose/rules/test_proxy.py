from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import proxy
from tests.support.services import facts_of, outcomes


@pytest.mark.parametrize(
    ("target", "answer", "is_rejected"),
    [
        ("gk.sensorist.com:443", "HTTP 403", True),
        ("gk.sensorist.com:443", "HTTP 504", True),
        ("gk.sensorist.com:443", "FIN", True),
        ("gk.sensorist.com:443", "HTTP 200", False),
        ("gk.sensorist.com:22", "HTTP 403", False),
        ("www.example.org:443", "HTTP 403", False),
        ("nonsense", "HTTP 403", False),
    ],
)
def test_a_proxy_is_to_blame_only_for_what_the_device_needs(target: str, answer: str, *, is_rejected: bool) -> None:
    facts = facts_of(
        f"""
        0.0  dev:50001 > gw:3128 CONNECT
        0.1  dev:50001 > gw:3128 HTTP CONNECT {target} host={target}
        0.2  gw:3128 > dev:50001 {answer}
        """
    )

    assert bool(outcomes(proxy.proxy_rejects, facts)) is is_rejected
