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


HOSTS = {"one": "54.229.203.190", "two": "54.229.68.147", "gate": "10.0.0.7", "pc2": "10.0.0.11"}
NAMES = "0.5 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190 54.229.68.147\n"
ALONE = "".join(f"{t}.0 dev:50001 > one:443 SYN\n{t}.5 dev:50002 > two:443 SYN\n" for t in (1, 2, 4))
PROXIED = (
    "5.0 {who} > gate:3128 CONNECT\n5.1 {who} > gate:3128 HTTP CONNECT www.example.org:443 host=www.example.org:443\n"
    "5.2 gate:3128 > {who} HTTP 200\n"
)
BOTH = PROXIED.format(who="pc") + PROXIED.format(who="pc2")
WATCH = "60.0 switch > * WATCH\n"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(ALONE + BOTH, True, id="two hosts go out through the proxy alone"),
        pytest.param(ALONE + PROXIED.format(who="pc"), False, id="one host may have its reasons"),
        pytest.param(ALONE + BOTH + "9.0 pc > 93.184.216.34:443 CONNECT\n", False, id="somebody goes out directly"),
        pytest.param(ALONE.replace("two:443", "two:4321") + BOTH, False, id="only one address on a web port"),
        pytest.param(ALONE + BOTH + PROXIED.format(who="dev"), False, id="the device uses the proxy"),
        pytest.param(BOTH, False, id="the device tries nothing"),
    ],
)
def test_only_the_proxy_goes_out_of_this_network(script: str, *, fires: bool) -> None:
    facts = facts_of(NAMES + script + WATCH, hosts=HOSTS)

    assert bool(outcomes(proxy.proxy_only_net, facts)) is fires
