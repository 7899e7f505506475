from __future__ import annotations

from tests.engine.tables.support import pick, records_of


def test_the_messages_of_a_start_up_are_rows() -> None:
    script = """
    0.0 dev > cloud:5432 CONNECT
    0.1 dev > cloud:5432 PG ssl
    0.2 cloud:5432 > dev PG N
    0.3 dev > cloud:5432 PG startup
    0.4 cloud:5432 > dev PG error 28P01
    """
    rows = records_of(script, "postgres")

    assert [pick(r, "message", "is_from_client", "sqlstate") for r in rows] == [
        ("ssl_request", True, None), ("ssl_refused", False, None), ("startup", True, None), ("error", False, "28P01"),
    ]  # fmt: skip
    assert [r["frame"] for r in rows] == [4, 5, 6, 7]
