from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from starlette.requests import Request
from starlette.types import Message

from pcapaudit.web.api.body import read_body, read_form, read_object
from pcapaudit.web.captures.lookup import ApiError


def request(chunks: Iterable[bytes], *, is_cut: bool = False) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append(
        {"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b"", "more_body": False}
    )
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def refused(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        asyncio.run(read_object(request([body]), 1_000_000))
    return caught.value


def test_a_body_comes_whole() -> None:
    assert asyncio.run(read_body(request([b"one ", b"two"]), 7)) == b"one two"


def test_a_form_gives_each_field_with_all_its_values() -> None:
    body = b"capture=a&capture=b&note=a+%C3%BC%0D%0Ab&empty=&odd=%FF"

    assert asyncio.run(read_form(request([body]), 1000)) == {
        "capture": ["a", "b"],
        "note": ["a ü\r\nb"],
        "empty": [""],
        "odd": ["\ufffd"],
    }


def test_a_body_is_read_no_further_than_it_may_be_long() -> None:
    def endless() -> Iterable[bytes]:
        yield from (b"12345", b"678", *[b"x"] * 5)

    with pytest.raises(ApiError) as caught:
        asyncio.run(read_body(request(endless()), 7))
    assert (caught.value.status, caught.value.reason) == (413, "the body of this request is larger than 7 bytes")


def test_a_connection_that_breaks_off_is_no_fault_of_ours() -> None:
    with pytest.raises(ApiError) as caught:
        asyncio.run(read_body(request([b"x"], is_cut=True), 7))
    assert caught.value.status == 400


def test_a_json_object_is_read() -> None:
    assert asyncio.run(read_object(request([b'{"note": "\\u00e9"}']), 100)) == {"note": "é"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"\xff",
        b'{"note": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"9" * 10_000,
    ],
    ids=["nothing", "half", "a list", "a number", "no text", "half a character", "deep", "deep and whole", "huge"],
)
def test_what_is_no_json_object_that_can_be_kept_is_refused(body: bytes) -> None:
    assert refused(body).status == 400
