from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from pcapaudit.web.door.connections import PatientProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SILENCE_S = 60.0
"""What a connection may be silent; no machine is so busy that it passes by itself."""


class Clock:
    """The clock of an event loop, which leaps when it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._plain, self._leapt_s = loop.time, 0.0
        loop.time = self  # type: ignore[method-assign]

    def __call__(self) -> float:
        return self._plain() + self._leapt_s

    async def leap(self) -> None:
        """Let more time pass than a connection may be silent, and what waited for that happen."""
        self._leapt_s += 2 * SILENCE_S
        for _ in range(3):
            await asyncio.sleep(0)


async def speak(*parts: bytes) -> bytes:
    """What comes back to somebody who says this and then waits until he is cut off."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop)

    async def answer_slowly(_scope: Scope, _receive: Receive, send: Send) -> None:
        """An answer that takes longer than a connection may be silent."""
        await clock.leap()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    # The server's own patience between two requests is longer than all that passes here.
    config = uvicorn.Config(answer_slowly, lifespan="off", ws="none", timeout_keep_alive=10**9)
    config.load()
    make = partial(PatientProtocol, config=config, server_state=ServerState(), app_state={}, header_s=SILENCE_S)
    listening = await loop.create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    heard = b""
    for part in parts:
        writer.write(part)
        heard += await reader.readuntil(b"ok") if part.endswith(b"\r\n\r\n") else b""
    end, until_s = asyncio.create_task(reader.read()), time.monotonic() + SILENCE_S
    while not end.done():
        assert time.monotonic() < until_s
        await clock.leap()
    # Cut off as it is, a connection may end by a reset.
    heard += b"" if isinstance(end.exception(), ConnectionResetError) else end.result()
    writer.close()
    listening.close()
    return heard


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
    if parts and parts[-1] == REQUEST:
        parts = (*parts, b"G")
    assert asyncio.run(speak(*parts)).count(b"200 OK") == answers
