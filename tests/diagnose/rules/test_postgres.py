from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import postgres
from tests.support.services import facts_of, outcomes

CHECKS = (postgres.ssl_refused, postgres.database_error, postgres.no_reply)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["dev PG ssl", "srv PG N", "dev FIN"], [("PG-SSL-REFUSED", "failed")], id="refused, closed"),
        pytest.param(["dev PG ssl", "srv PG N"], [], id="refused, the capture ends"),
        pytest.param(["dev PG ssl", "srv PG N", "dev PG startup"], [("PG-SSL-REFUSED", "note")], id="in the clear"),
        pytest.param(["dev PG ssl", "srv PG S"], [], id="accepted"),
        pytest.param(["dev PG startup", "srv PG error 3D000"], [("PG-ERROR", "failed")], id="no such database"),
        pytest.param(["dev PG startup", "srv PG ready", "srv PG error 23505"], [], id="an error of a statement"),
        pytest.param(["dev PG ssl", "srv PG error 0A000", "dev PG startup"], [], id="an old server, tried again"),
        pytest.param(["dev PG ssl", "srv ACK"], [("PG-NO-REPLY", "failed")], id="acknowledged, no byte"),
        pytest.param(["dev PG ssl lost"], [], id="not even acknowledged"),
    ],
)
def test_each_course_of_a_start_up(lines: list[str], expected: list[tuple[str, str]]) -> None:
    ends = {"dev": "dev:50001 > cloud:4321", "srv": "cloud:4321 > dev:50001"}
    said = [f"{0.2 + i / 10:.1f} {ends[line[:3]]} {line[4:]}" for i, line in enumerate(lines)]
    facts = facts_of("\n".join(["0.0 dev:50001 > cloud:4321 CONNECT", *said, "30.0 switch > * WATCH"]))

    assert [(rule, outcome) for check in CHECKS for rule, _, outcome in outcomes(check, facts)] == expected
