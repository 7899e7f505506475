"""What the admin knows beforehand: the fields of the form, and what was written in them, checked."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from starlette.datastructures import QueryParams

from pcapaudit.catalog import load_signatures
from pcapaudit.catalog.schema import Signature
from pcapaudit.model.addresses import parse_ip, parse_mac
from pcapaudit.model.records import dataclass
from pcapaudit.web.captures.lookup import ApiError
from pcapaudit.web.captures.store import Wishes

MAX_NOTE = 10_000
"""Characters of a note."""
WISHES = ("signature", "device", "led", "log", "mirror_point")
"""Fields of a request that are texts of the wishes."""
_LONGEST = 300
_MOST_PARAMS = 20


class WishError(ApiError):
    """A field that cannot be meant so: its name in the request, and a sentence (400)."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(400, reason)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a product's signature asks for: a whole number from ``low`` to ``high``."""

    name: str
    what: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Product:
    """A product that can be chosen, and what it asks for."""

    id: str
    title: str
    params: tuple[Parameter, ...]


@cache
def products() -> tuple[Product, ...]:
    """All products, by their ids."""
    return tuple(_product(s) for s in sorted(load_signatures(None), key=lambda s: s.id))


def _product(signature: Signature) -> Product:
    params = (Parameter(name, p.what, p.low, p.high) for name, p in signature.params.items())
    return Product(signature.id, f"{signature.vendor_title} / {signature.title}", tuple(params))


def read_wishes(query: QueryParams) -> Wishes:
    """The wishes of a request: ``signature``, ``device``, ``led``, ``log``, ``mirror_point``, and ``param=NAME=VALUE``.

    Raises:
        WishError: One cannot be meant so.
    """
    for fault in find_faults(query):
        raise fault
    texts = {name: query.get(name, "").strip() or None for name in WISHES}
    return Wishes(**texts, params=dict(_split(pair) for pair in query.getlist("param")))


def find_faults(query: QueryParams) -> Iterator[WishError]:
    """Everything in the wishes and the note of a request that cannot be meant so, at most one fault a field."""
    for name in WISHES:
        text = query.get(name, "").strip()
        reason = _judge_text(text) or (_JUDGES[name](text) if text and name in _JUDGES else None)
        if reason is not None:
            yield WishError(name, reason)
    yield from _judge_params(query.getlist("param"), query.get("signature", "").strip())
    if len(query.get("note", "")) > MAX_NOTE:
        yield WishError("note", f"a note has at most {MAX_NOTE} characters")


def _judge_text(text: str) -> str | None:
    if len(text) > _LONGEST:
        return f"{len(text)} characters are too many: at most {_LONGEST} are taken"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        return "there is a character in it that no screen shows"
    return None


def _judge_product(signature: str) -> str | None:
    return None if any(p.id == signature for p in products()) else f"there is no product {signature!r}"


def _judge_device(device: str) -> str | None:
    for parse in (parse_ip, parse_mac):
        try:
            parse(device)
        except ValueError:
            continue
        return None
    return f"{device!r} is neither a MAC nor an IP address, such as 54:10:ec:2b:30:01 or 10.0.0.5"


_JUDGES: Mapping[str, Callable[[str], str | None]] = {"signature": _judge_product, "device": _judge_device}
"""What a field must be beside a text, where it must be something."""


def _judge_params(pairs: list[str], signature: str) -> Iterator[WishError]:
    """Each parameter must be in the range that the product's signature sets; without a product, that of any."""
    if len(pairs) > _MOST_PARAMS:
        yield WishError("param", f"{len(pairs)} parameters are too many: at most {_MOST_PARAMS} are taken")
        return
    known = {param.name: param for p in products() if signature in ("", p.id) for param in p.params}
    for name, value in map(_split, pairs):
        if name not in known:
            names = ", ".join(known) or "none"
            yield WishError(f"param={name}", f"there is no parameter {name!r} here; known are: {names}")
        elif not _is_within(known[name], value):
            low, high = known[name].low, known[name].high
            yield WishError(f"param={name}", f"{name} is a whole number from {low} to {high}")


def _split(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return name, value.strip()


def _is_within(param: Parameter, value: str) -> bool:
    # Longer numbers are in no range, and int() refuses the longest with an error of its own.
    return value.isascii() and value.isdecimal() and len(value) < 10 and param.low <= int(value) <= param.high
