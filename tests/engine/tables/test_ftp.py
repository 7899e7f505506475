from __future__ import annotations

from tests.engine.tables.support import pick, records_of

TALK = """
0.0 dev > cloud:21 CONNECT
0.1 cloud:21 > dev FTP 220 ready
0.2 dev > cloud:21 FTP USER admin
0.3 cloud:21 > dev FTP 331 password
0.4 dev > cloud:21 FTP PASS secret
0.5 cloud:21 > dev FTP 230 welcome
0.6 dev > cloud:21 FTP PASV
0.7 cloud:21 > dev FTP "227 Entering Passive Mode (54,229,203,190,200,10)"
0.8 dev > cloud:21 FTP STOR x.csv
"""


def test_commands_have_their_replies_and_no_secret_is_kept() -> None:
    rows = records_of(TALK, "ftp")

    assert [pick(r, "command", "arg", "reply_code") for r in rows] == [
        (None, None, 220), ("USER", None, 331), ("PASS", None, 230), ("PASV", None, 227), ("STOR", "x.csv", None),
    ]  # fmt: skip
    assert [r["is_answered"] for r in rows] == [True, True, True, True, False]
    assert pick(rows[3], "data_h", "data_p", "command_frame", "reply_frame") == (
        "54.229.203.190",
        200 * 256 + 10,
        9,
        10,
    )
    assert "secret" not in str(rows)
