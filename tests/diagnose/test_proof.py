from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pcapaudit.catalog.schema import Endpoint, Range
from pcapaudit.diagnose.proof import Shown, transfer_done
from pcapaudit.model.events import Packet
from pcapaudit.model.words import Stage, State
from tests.support.services import CLOUD_NEED, facts_of, product

LOGIN = """
0.0  dev:50001 > cloud:21 CONNECT
0.1  cloud:21 > dev:50001 FTP 220 ready
0.2  dev:50001 > cloud:21 FTP USER logger
0.3  cloud:21 > dev:50001 FTP 331 password please
0.4  dev:50001 > cloud:21 FTP PASS secret
0.5  cloud:21 > dev:50001 FTP 230 logged in
"""
SERVICES = product(
    replace(CLOUD_NEED, endpoints=(Endpoint("tcp", (Range(21, 21),), app="ftp"),)),
    replace(CLOUD_NEED, endpoints=(Endpoint("tcp", (Range(5432, 5432),), app="postgres"),)),
    replace(CLOUD_NEED, endpoints=(Endpoint("tcp", (Range(80, 80),), app="http"),)),
)


def talk(*lines: str) -> str:
    """Lines of the control connection behind the login; those that begin with digits are the server's."""
    said = [f"cloud:21 > dev:50001 FTP {t}" if t[0].isdigit() else f"dev:50001 > cloud:21 FTP {t}" for t in lines]
    return LOGIN + "\n".join(f"{1 + i}.0 {line}" for i, line in enumerate(said))


@pytest.mark.parametrize(
    ("lines", "done"),
    [
        (("STOR a.csv", "150 go", "226 done"), True),
        (("STOR a.csv", "150 go", "250 done"), True),
        (("CWD /data", "250 changed"), False),
        (("ABOR", "226 aborted"), False),
        (("STOR a.csv", "150 go", "426 lost"), False),
        ((), False),
    ],
)
def test_an_upload_is_done_when_the_server_says_so_of_a_transfer(lines: tuple[str, ...], *, done: bool) -> None:
    (attempt,) = facts_of(talk(*lines), SERVICES).attempts

    assert (transfer_done(attempt.events) is not None) is done
    assert attempt.has(Stage.APP) is done
    assert attempt.has(Stage.RETURN) is done


@pytest.mark.parametrize(
    ("script", "serves"),
    [
        ("PG startup|PG ready", True),
        ("PG startup|PG error 28P01", False),
        ("PG ssl|PG N", False),
    ],
)
def test_a_database_serves_when_the_session_starts(script: str, *, serves: bool) -> None:
    ask, answer = script.split("|")
    (attempt,) = facts_of(
        f"""
        0.0  dev:50001 > cloud:5432 CONNECT
        0.1  dev:50001 > cloud:5432 {ask}
        0.2  cloud:5432 > dev:50001 {answer}
        0.3  dev:50001 > cloud:5432 ACK
        """,
        SERVICES,
    ).attempts

    assert (attempt.answered_ns is not None) is serves


@pytest.mark.parametrize(
    ("status", "serves"),
    [
        (200, True),
        (204, True),
        ("302 location=/there", True),
        pytest.param(302, False, id="a redirect that leads nobody knows where"),
        (403, False),
        (503, False),
    ],
)
def test_a_refusal_in_words_is_no_service(status: int | str, *, serves: bool) -> None:
    (attempt,) = facts_of(
        f"""
        0.0  dev:50001 > cloud:80 CONNECT
        0.1  dev:50001 > cloud:80 HTTP GET / host=gk.sensorist.com
        0.2  cloud:80 > dev:50001 HTTP {status}
        0.3  dev:50001 > cloud:80 ACK
        """,
        SERVICES,
    ).attempts

    assert (attempt.answered_ns is not None) is serves
    assert (attempt.proofs[Stage.APP].state if serves else None) == (State.OK if serves else None)


def test_frames_are_looked_up_when_they_are_shown() -> None:
    asked: list[str] = []
    [attempt] = facts_of("0.0 dev:50001 > cloud:4321 CONNECT").attempts

    def find() -> Sequence[Packet]:
        asked.append("now")
        return attempt.flow.packets

    shown = Shown(find)
    assert not asked
    assert tuple(shown) == (1, 2, 3)
    assert (len(shown), shown[0], shown[1:]) == (3, 1, (2, 3))
    assert asked == ["now"]
