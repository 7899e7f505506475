"""Who may come in: a code that works once for the browser, a lasting token for scripts."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from pcapaudit.web.door.throttle import Throttle
from pcapaudit.web.settings import Settings

SESSION_S = 7 * 86400.0
"""Seconds after which a browser has to log in again."""
_CODE_BYTES = 16
_MAX_SESSIONS = 200
"""Browsers that are logged in at the same time; the oldest is forgotten."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})
"""Values of ``Sec-Fetch-Site`` for what a page of another server asks for (W3C Fetch Metadata, section 2.4)."""
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?")
"""A host and its port (RFC 3986, section 3.2), without a user before it; lower case."""


class Gate:
    """Sessions of one server; they end with it."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._token = settings.token
        self._hosts = settings.hosts
        self._url = settings.url
        self._url_name = _split_host(urlsplit(settings.url or "").netloc)[0]
        self._now = now
        self._code: str | None = secrets.token_urlsafe(_CODE_BYTES)
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._throttle = Throttle(now)

    @property
    def code(self) -> str | None:
        """The login code; None once it was used."""
        return self._code

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by TLS, so that the cookie never travels without it."""
        return self._url is not None and self._url.startswith("https://")

    # --- secrets ------------------------------------------------------------------------------------

    def log_in(self, secret: str, request: HTTPConnection) -> str | None:
        """A new session for the login code (which then is spent) or the token; None for anything else.

        The code is never throttled, because nobody guesses it: what the server printed works, whoever else knocks.
        """
        if self._code is not None and _is_same(secret, self._code):
            self._code = None
        elif not self._is_token(secret, request):
            return None
        self.log_out(request)
        session = secrets.token_urlsafe(_CODE_BYTES)
        self._sessions[_mark_of(session)] = self._now() + SESSION_S
        while len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def log_out(self, request: HTTPConnection) -> None:
        """End the session of a browser."""
        self._sessions.pop(_mark_of(self._shown_session(request)), None)

    def knows(self, request: HTTPConnection) -> bool:
        """Whether a request shows the token or the cookie of a session."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(token.strip(), request):
            return True
        return self._now() < self._sessions.get(_mark_of(self._shown_session(request)), 0.0)

    def is_shut_for(self, request: HTTPConnection) -> bool:
        """Whether the address of a request showed so many wrong tokens that it has to wait."""
        return self._throttle.is_shut(_address_of(request))

    def cookie_name(self, request: HTTPConnection) -> str:
        """Name of the cookie: with the port, because a browser sends cookies to every port of a host.

        Behind TLS, ``__Host-`` keeps other names of the same domain from setting it (RFC 6265bis, section 4.1.3.2).
        """
        if self.is_secure:
            return "__Host-pcapaudit"
        return f"pcapaudit-{_split(request)[1] or '80'}"

    def _is_token(self, shown: str, request: HTTPConnection) -> bool:
        address = _address_of(request)
        if self._throttle.is_shut(address):
            return False
        is_right = _is_same(shown, self._token)
        if not is_right:
            self._throttle.note_failure(address)
        return is_right

    def _shown_session(self, request: HTTPConnection) -> str:
        return request.cookies.get(self.cookie_name(request), "")

    # --- names --------------------------------------------------------------------------------------

    def trusts_host(self, request: HTTPConnection) -> bool:
        """Whether the browser called the server by a name of its own (against DNS rebinding).

        One that listens everywhere is called by any address and by the machine's names: to rebind takes a name.
        """
        name = _split(request)[0]
        if name and name in {*self._hosts, self._url_name}:
            return True
        return not self._hosts and (_is_address(name) or name in {"localhost", socket.gethostname().lower()})

    def trusts_origin(self, request: HTTPConnection) -> bool:
        """Whether a request comes from a page of this server, from no page, or is a link that somebody followed.

        A browser that shows a session names the origin of every write; one that does not is no browser of ours.
        """
        headers, is_write = request.headers, request.scope["method"] not in _SAFE_METHODS
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode", "")
        if site in _FOREIGN_SITES and (is_write or mode != "navigate"):
            return False
        if not is_write:
            return True
        origin = headers.get("origin")
        if origin is None:
            return site == "same-origin" or not self._shown_session(request)
        return origin == self._url or origin.partition("://")[2] == headers.get("host", "")


def _is_same(shown: str, known: str) -> bool:
    """Compare in a time that tells nothing of how much is right."""
    return hmac.compare_digest(shown.encode(errors="replace"), known.encode())


def _mark_of(session: str) -> bytes:
    """What is kept of a session: looking this up in a table tells nothing of how much of a guess is right."""
    return hashlib.sha256(session.encode(errors="replace")).digest()


def _split(request: HTTPConnection) -> tuple[str, str]:
    """Name and port by which the browser called."""
    return _split_host(request.headers.get("host", ""))


def _split_host(host: str) -> tuple[str, str]:
    """Name and port; an IPv6 address without brackets; nothing where that is no name."""
    found = _HOST.fullmatch(host.lower())
    return ("", "") if found is None else (found[1].strip("[]"), found[2] or "")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address_of(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""
