from __future__ import annotations

from tests.engine.tables.support import pick, records_of


def test_frames_behind_the_upgrade_are_rows() -> None:
    script = """
    0.0 dev > cloud:80 CONNECT
    0.1 dev > cloud:80 WS upgrade host=a.example
    0.2 cloud:80 > dev WS accept
    0.3 dev > cloud:80 WS text 20
    0.4 cloud:80 > dev WS close 1008
    """
    rows = records_of(script, "websocket")

    assert [pick(r, "opcode_name", "is_from_client", "is_masked", "close_code") for r in rows] == [
        ("text", True, True, None), ("close", False, False, 1008),
    ]  # fmt: skip
    assert [r["frame"] for r in rows] == [6, 7]
    assert rows[0]["payload_bytes"] == 20
