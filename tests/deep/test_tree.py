from __future__ import annotations

import json

import pytest

from pcapaudit.deep.tree import Dissection, DissectionError, Field, Frame, Layer, Part, from_json, to_json

NAME = Field("dns.qry.name", "Name: \x1b[2J\u202eexample", "example", 54, 9, (), 7, 1)
FOUND = Dissection(
    (
        Frame(
            31, 1_500_000_000_123_456_789, 76, "ETHERNET", "10.0.0.5", "10.0.0.1", "DNS", "Standard query", b"\x00\xff",
            (Layer("dns", "Domain Name System", 42, 34, (Field("", "Queries", "", 54, 13, (NAME,)),)),), 2,
            (Part("Reassembled", b"\x01"),),
        ),
        Frame(32, -1, 60, "LINKTYPE_147", "", "", "", "", b""),
    ),
    "TShark 4.0.17",
    None,
)  # fmt: skip


def test_a_document_comes_back_as_it_was() -> None:
    assert from_json(to_json(FOUND)) == FOUND


def test_the_document_is_plain_json_with_readable_times_and_bytes() -> None:
    text = to_json(FOUND)
    assert text.isascii()
    frame = json.loads(text)["frames"][0]
    assert (frame["time"], frame["data"]) == ("2017-07-14T02:40:00.123456Z", "00ff")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "pcapaudit/report/1"}',
        '{"schema": "pcapaudit/frames/1", "frames": [{}]}',
        "[" * 9999,
    ],
)
def test_what_is_no_such_document_is_refused(text: str) -> None:
    with pytest.raises(DissectionError):
        from_json(text)
