"""Text of a signature file turned into values, or into an error that says what to write instead."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from pydantic_core import PydanticCustomError

from pcapaudit.catalog.schema import Address, HostPattern, Network, Range

FACT_ID = r"^[A-Z]{1,5}-[0-9]{2,3}$"
PARAM_NAME = r"^[a-z][a-z0-9_]*$"
RULE_ID = r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$"
MAX_PORT = 65535
MAX_PAYLOAD = 65535

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_RANGE = re.compile(r"([0-9]{1,9})(?:\s*[-–]\s*([0-9]{1,9}))?")


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """Give an error for pydantic; message and hint reach the person who wrote the file."""
    return PydanticCustomError("signature", "{message}", {"message": message, "hint": hint})


def as_text(value: object) -> str:
    """Give the text of a scalar without blanks around it. Raises for a list, a mapping or nothing."""
    if not isinstance(value, str):
        raise wrong(f"expected text, found a {'list' if isinstance(value, list | tuple) else 'mapping'}")
    if not value.strip():
        raise wrong("expected text, found nothing")
    return value.strip()


def as_list(value: object) -> object:
    """Give a single text as a list of one, so that a file may leave out the brackets."""
    return [value] if isinstance(value, str) else value


def parse_flag(value: object) -> bool:
    """Give the truth value of ``true`` or ``false``; YAML's other spellings are refused."""
    text = as_text(value)
    if text not in ("true", "false"):
        raise wrong(f"{text!r} is neither true nor false", "write true or false")
    return text == "true"


def parse_number(value: object) -> float:
    """Give a plain decimal number that is not negative."""
    text = as_text(value)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise wrong(f"{text!r} is no number", "write digits, with a point before decimals")
    return float(text)


def parse_fact(value: object) -> str:
    """Give a fact or decision id."""
    text = as_text(value)
    if not re.fullmatch(FACT_ID, text):
        raise wrong(f"{text!r} is no fact id", "write the paper's letters and its number, such as SEN-05 or X-07")
    return text


def parse_ports(value: object) -> Range:
    """Give the range of ``443`` or ``57002-57999``."""
    found = _parse_range(value, "port")
    if found.low < 1 or found.high > MAX_PORT:
        outside = found.low if found.low < 1 else found.high
        raise wrong(f"port {outside} is outside 1–{MAX_PORT}")
    return found


def parse_sizes(value: object) -> Range:
    """Give the range of payload sizes of ``24-1024``, in bytes."""
    found = _parse_range(value, "size")
    if found.high > MAX_PAYLOAD:
        raise wrong(f"size {found.high} is more than a datagram holds ({MAX_PAYLOAD})")
    return found


def _parse_range(value: object, what: str) -> Range:
    text = as_text(value)
    match = _RANGE.fullmatch(text)
    if match is None:
        raise wrong(f"{text!r} is no {what} and no range", f"write one {what}, or low-high")
    low, high = int(match[1]), int(match[2] or match[1])
    if low > high:
        raise wrong(f"the range {low}-{high} runs backwards", f"write {high}-{low}")
    return Range(low, high)


def parse_network(value: object) -> Network:
    """Give the network of an address or of a CIDR block."""
    text = as_text(value)
    try:
        return ip_network(text)
    except ValueError as error:
        raise wrong(f"{text!r} is neither an address nor a block of them", _network_hint(text)) from error


def _network_hint(text: str) -> str | None:
    try:
        return f"the block is written {ip_network(text, strict=False)}"
    except ValueError:
        return "write 192.0.2.1 or 192.0.2.0/24"


def parse_address(value: object) -> Address:
    """Give an IP address."""
    text = as_text(value)
    try:
        return ip_address(text)
    except ValueError as error:
        raise wrong(f"{text!r} is no IP address") from error


def parse_host(value: object) -> HostPattern:
    """Give the pattern of a host name, with a star only at its ends."""
    text = as_text(value).lower()
    if "/" in text or ":" in text:
        raise wrong(f"{text!r} is no host name", "write the name alone, without scheme, port or path")
    inner = text.removeprefix("*.").removesuffix(".*")
    if "*" in inner:
        raise wrong(
            f"a star in the middle of {text!r}",
            "a star stands for whole labels: '*.' in front, or '.*' at the end",
        )
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in inner.split(".")):
        raise wrong(f"{text!r} is no host name", "labels of letters, digits and hyphens, with dots between")
    if _is_address(inner):
        raise wrong(f"{text!r} is an address", "write it under address or addresses")
    return HostPattern(text)


def _is_address(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text) is not None
