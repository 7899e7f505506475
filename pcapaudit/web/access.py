"""Who may come in: a code that works once for the browser, a lasting token for scripts."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from pcapaudit.web.settings import Settings

COOKIE = "pcapaudit"
_CODE_BYTES = 16
_MAX_SESSIONS = 200
"""Browsers that are logged in at the same time; the oldest is forgotten."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Sessions of one server; they end with it."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token
        self._hosts = settings.hosts
        self._code: str | None = secrets.token_urlsafe(_CODE_BYTES)
        self._sessions: OrderedDict[str, None] = OrderedDict()

    @property
    def code(self) -> str | None:
        """The login code; None once it was used."""
        return self._code

    def log_in(self, secret: str) -> str | None:
        """A new session for the login code (which then is spent) or the token; None for anything else."""
        if self._code is not None and _is_same(secret, self._code):
            self._code = None
        elif not _is_same(secret, self._token):
            return None
        session = secrets.token_urlsafe(_CODE_BYTES)
        self._sessions[session] = None
        while len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def log_out(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(session, None)

    def knows(self, request: HTTPConnection) -> bool:
        """Whether a request shows the token or the cookie of a session."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _is_same(token.strip(), self._token):
            return True
        shown = request.cookies.get(COOKIE, "")
        return any(_is_same(shown, session) for session in self._sessions)

    def trusts_host(self, request: HTTPConnection) -> bool:
        """Whether the browser called the server by a name of its own (against DNS rebinding)."""
        return not self._hosts or _name_of(request.headers.get("host", "")) in self._hosts

    def trusts_origin(self, method: str, request: HTTPConnection) -> bool:
        """Whether a write comes from a page of this server, or from no page at all."""
        origin = request.headers.get("origin")
        if method in _SAFE_METHODS or origin is None:
            return True
        return urlsplit(origin).netloc == request.headers.get("host", "")


def _is_same(shown: str, known: str) -> bool:
    """Compare in a time that tells nothing of how much is right."""
    return hmac.compare_digest(shown.encode(), known.encode())


def _name_of(host: str) -> str:
    """The host without its port; an IPv6 address without brackets."""
    return (urlsplit(f"//{host}").hostname or "").lower()
