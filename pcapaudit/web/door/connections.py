"""Connections that somebody opened and says nothing on: they are closed, before they are all that there are."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEADER_S = 20.0
"""Seconds that a connection may take until a whole request stands on it; uvicorn itself waits for ever."""


class PatientProtocol(H11Protocol):
    """HTTP, as uvicorn speaks it, for those who ask within reasonable time."""

    def __init__(self, *args: Any, header_s: float = HEADER_S, **named: Any) -> None:
        super().__init__(*args, **named)
        self._header_s = header_s
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_or_not()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those that make no request do not prolong the wait."""
        super().data_received(data)
        self._wait_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _wait_or_not(self) -> None:
        if self._is_asked():
            self._stop_waiting()
        elif self._end is None:
            self._end = self.loop.call_later(self._header_s, self._give_up)

    def _is_asked(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _stop_waiting(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _give_up(self) -> None:
        self._end = None
        if not self._is_asked():
            self.transport.abort()
