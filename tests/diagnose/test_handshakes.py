from __future__ import annotations

import pytest

from pcapaudit.diagnose.handshakes import broken_off
from tests.support.services import facts_of

GREETED = """
0.0   dev:50001 > cloud:443 CONNECT
0.1   dev:50001 > cloud:443 TLS hello sni=gk.sensorist.com
"""
"""Frames 1 to 3 open the connection, frame 4 greets."""
NEWER = "0.2 cloud:443 > dev TLS server-hello version=1.3\n0.21 cloud:443 > dev TLS hidden 1200"
OLDER = (
    "0.2 cloud:443 > dev TLS server-hello version=1.2\n"
    "0.21 cloud:443 > dev TLS cert names=gk.sensorist.com issuer=CA\n0.22 cloud:443 > dev TLS done"
)
ACK, FIN = "dev:50001 > cloud:443 ACK", "dev:50001 > cloud:443 FIN"


@pytest.mark.parametrize(
    ("rest", "frame"),
    [
        pytest.param(f"{NEWER}\n0.3 {ACK}\n0.4 {FIN}", 8, id="TLS 1.3, a FIN and no word"),
        pytest.param(f"{OLDER}\n0.3 {ACK}\n0.4 dev:50001 > cloud:443 RST", 9, id="TLS 1.2, a reset and no word"),
        pytest.param(f"{NEWER}\n0.3 {ACK}\n6.0 {FIN}", None, id="so late that it is a time-out"),
        pytest.param(f"{NEWER}\n0.3 cloud:443 > dev FIN\n0.4 {FIN}", None, id="the server closed first"),
        pytest.param(f"{NEWER}\n0.3 dev:50001 > cloud:443 TLS hidden 69\n0.4 {FIN}", None, id="a Finished"),
        pytest.param(f"{OLDER}\n0.3 dev:50001 > cloud:443 TLS key-exchange\n0.4 {FIN}", None, id="a key exchange"),
        pytest.param(f"{OLDER}\n0.3 dev:50001 > cloud:443 TLS alert 48\n0.4 {FIN}", None, id="an alert says why"),
        pytest.param(f"0.2 cloud:443 > dev TLS server-hello version=1.2\n0.4 {FIN}", None, id="no certificate yet"),
        pytest.param(f"{NEWER}\n30.0 switch > * WATCH", None, id="still open"),
        pytest.param(
            f"{NEWER}\n0.22 cloud:443 > dev TLS hidden 900 lost\n0.3 {ACK}\n0.4 {FIN}", None, id="a part never came"
        ),
    ],
)
def test_a_handshake_is_broken_off_by_a_prompt_close_behind_a_whole_flight(rest: str, frame: int | None) -> None:
    (attempt,) = facts_of(f"{GREETED}\n{rest}").attempts

    closed = broken_off(attempt)

    assert (None if closed is None else closed.frame) == frame
