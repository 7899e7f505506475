from __future__ import annotations

import asyncio
from functools import partial

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from pcapaudit.web.door.connections import PatientProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer_slowly(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An answer that takes longer than a connection may be silent."""
    await asyncio.sleep(0.1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def speak(*parts: bytes) -> bytes:
    """What comes back to somebody who says this and then waits until he is cut off."""
    config = uvicorn.Config(answer_slowly, lifespan="off", ws="none", timeout_keep_alive=60)
    config.load()
    make = partial(PatientProtocol, config=config, server_state=ServerState(), app_state={}, header_s=0.05)
    listening = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    heard = b""
    try:
        for part in parts:
            writer.write(part)
            heard += await reader.readuntil(b"ok") if part.endswith(b"\r\n\r\n") else b""
        return heard + await reader.read()
    except ConnectionResetError:
        return heard
    finally:
        writer.close()
        listening.close()


@pytest.mark.parametrize(
    ("parts", "answers"),
    [
        ((), 0),
        ((b"GET / HTTP/1.1\r\nHo",), 0),
        ((REQUEST,), 1),
        ((REQUEST, REQUEST), 2),
        ((REQUEST, b"GET / HTTP/1.1\r\nHo"), 1),
    ],
    ids=["silent", "half a request", "one request", "two requests", "half a second request"],
)
def test_a_connection_gets_its_answers_and_is_cut_off_when_it_asks_nothing_more(
    parts: tuple[bytes, ...], answers: int
) -> None:
    # The server's own patience between two requests is a minute; the test ends because this one's is shorter.
    if parts and parts[-1] == REQUEST:
        parts = (*parts, b"G")
    assert asyncio.run(speak(*parts)).count(b"200 OK") == answers
