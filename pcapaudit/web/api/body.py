"""Reads the small body of a request: a form, some JSON. A capture goes another way (``intake.py``)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from pcapaudit.web.captures.lookup import ApiError


async def read_body(request: Request, most: int) -> bytes:
    """The body. Raises ApiError: it has more than ``most`` bytes (413), or the connection broke off (400)."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise ApiError(413, f"the body of this request is larger than {most} bytes")
    except ClientDisconnect as error:
        raise ApiError(400, "the connection broke off") from error
    return bytes(body)


async def read_form(request: Request, most: int) -> dict[str, list[str]]:
    """The fields of a form, each with its values. Raises ApiError (400, 413)."""
    return parse_qs((await read_body(request, most)).decode(errors="replace"), keep_blank_values=True)


async def read_object(request: Request, most: int) -> dict[str, Any]:
    """The body as a JSON object of text that can be kept. Raises ApiError (400, 413)."""
    body = await read_body(request, most)
    try:
        value = json.loads(body)
        # A surrogate without its twin is no text: neither the list nor a page could hold it.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, "expected a JSON object")
    return value
