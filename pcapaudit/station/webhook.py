"""Posts events to a webhook: one JSON document a request, signed where a secret is given."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pcapaudit import __version__
from pcapaudit.station.outlet import RefusedError, UnreachedError, say_event
from pcapaudit.station.wish import Webhook

VERSION = 1
"""Of the document; it grows when a field changes its meaning."""
SIGNATURE = "X-Pcapaudit-Signature"
TIMEOUT_S = 10.0
"""Without a byte from the receiver."""
_AGAIN = frozenset({408, 425, 429})
"""RFC 9110, section 15.5.9; RFC 8470, section 5.2; RFC 6585, section 4: the same request may be taken later."""
_CHAT = str.maketrans({"<": "(", ">": ")", "@": "(at)", "`": "'"})
"""A device may call itself what chat services read as a link, or as a call to everybody."""


class WebhookSender:
    """Brings events to one webhook.

    Args:
        webhook: Where to.
        source: What is watched.
        host: The machine that watches.
        run: Names this watch among others, for the events' ids.
    """

    def __init__(self, webhook: Webhook, *, source: str, host: str, run: str) -> None:
        self._webhook = webhook
        self._source = source
        self._host = host
        self._run = run
        self._opener = build_opener(_NoRedirects)

    def __call__(self, number: int | None, event: Mapping[str, Any]) -> None:
        """Post one event.

        Raises:
            RefusedError: It is answered that this will never be taken.
            UnreachedError: There is no answer, or one that says later.
        """
        body = self._write(number, event)
        try:
            with self._opener.open(self._request(body), timeout=TIMEOUT_S):
                pass
        except HTTPError as error:
            with error:
                raise _judge(error) from None
        except (OSError, HTTPException, ValueError) as error:
            # ValueError: a host that can be no name, a proxy in the environment that is no address.
            raise UnreachedError(_say(error)) from None

    def close(self) -> None:
        """Nothing stays open from event to event."""

    def _write(self, number: int | None, event: Mapping[str, Any]) -> bytes:
        text = say_event(event, self._source).translate(_CHAT)
        told: dict[str, Any] = {"version": VERSION, "source": self._source, "host": self._host, "text": text}
        if number is not None:
            told["id"] = f"{self._run}-{number}"
        return json.dumps(told | {"event": event}).encode("ascii")

    def _request(self, body: bytes) -> Request:
        headers = {"Content-Type": "application/json", "User-Agent": f"pcapaudit/{__version__}"}
        if self._webhook.user is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(self._webhook.user.encode()).decode()}"
        if self._webhook.secret is not None:
            headers[SIGNATURE] = sign(self._webhook.secret, body)
        # The address was held against http and https when it was read.
        return Request(self._webhook.url, data=body, headers=headers, method="POST")  # noqa: S310


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer: the events and their signature go nowhere but where somebody sent them."""

    def redirect_request(self, *_: Any) -> None:
        return None


def sign(secret: str, body: bytes) -> str:
    """``sha256=`` and the HMAC of a body (RFC 2104) in hexadecimal digits; the key is the bytes of the environment."""
    return "sha256=" + hmac.new(os.fsencode(secret), body, hashlib.sha256).hexdigest()


def _judge(error: HTTPError) -> RefusedError | UnreachedError:
    answer = f"HTTP {error.code}"
    if error.code in _AGAIN or error.code >= 500:
        return UnreachedError(f"answers {answer}", _read_wait(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        return RefusedError(
            f"answers {answer} and names {_origin(error.headers.get('Location'))}, which is not followed"
        )
    return RefusedError(f"answers {answer}")


def _origin(location: str | None) -> str:
    """Scheme and host of an address that a stranger named."""
    try:
        parts = urlsplit(location or "")
        host = parts.hostname
    except ValueError:
        host = None
    return f"{parts.scheme}://{host[:253]}" if host else "another path"


def _read_wait(text: str | None) -> float | None:
    """The seconds of a Retry-After header, given as such or as a date (RFC 9110, section 10.2.3)."""
    if text is None or len(text) > 64:
        return None
    if text.isascii() and text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _say(error: Exception) -> str:
    """Why it failed, without the address that was asked."""
    reason: object = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {reason.verify_message}"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    text = str(reason)
    return text[:200] if text.startswith("Tunnel connection failed") else type(reason).__name__
