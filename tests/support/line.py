"""One line of a packet script, taken apart: when, from whom, to whom, what, with which options."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from tests.support.faults import Where
from tests.support.world import Host, parse_duration

_OPTION = re.compile(r"([A-Za-z][\w-]*)=(.*)", re.DOTALL)
_TIME = re.compile(r"\+?\d+(\.\d+)?(us|ms|s)?")


@dataclass(slots=True)
class Line:
    """One line being played. Verbs take the words and options they know; what is left is an error."""

    where: Where
    text: str
    time_ns: int
    """Since second 0 of the script."""
    src: Host
    dst: Host
    sport: int | None
    dport: int | None
    verb: str
    words: list[str]
    options: dict[str, str]
    is_unseen: bool = False
    is_lost: bool = False
    label: str | None = field(default=None)

    def take(self, word: str) -> bool:
        """Say whether the bare word stands in the line, and use it up."""
        if word in self.words:
            self.words.remove(word)
            return True
        return False

    def take_next(self, meaning: str) -> str:
        """Give the next bare word. Raises ScriptError when none is left."""
        if not self.words:
            raise self.where.error(f"{self.verb} lacks {meaning}")
        return self.words.pop(0)

    def take_rest(self) -> list[str]:
        """Give all bare words that are left."""
        rest, self.words = self.words, []
        return rest

    def pop(self, option: str, default: str = "") -> str:
        """Give an option's text and use it up."""
        return self.options.pop(option, default)

    def pop_int(self, option: str, default: int) -> int:
        """Give an option as a number (``0x`` allowed). Raises ScriptError when it is none."""
        text = self.options.pop(option, None)
        if text is None:
            return default
        try:
            return int(text, 0)
        except ValueError:
            raise self.where.error(f"{option}={text} is no number") from None

    def check_used_up(self) -> None:
        """Raise ScriptError when a word or an option is left that nobody understood."""
        left = [*self.words, *(f"{key}={value}" for key, value in self.options.items())]
        if left:
            raise self.where.error(f"{self.verb} does not know {' '.join(left)}")


def split_words(where: Where, text: str) -> list[str]:
    """Give the words of a line; quotes keep words together, `` # `` begins a comment.

    Raises:
        ScriptError: A quote is not closed.
    """
    try:
        return shlex.split(re.sub(r"(^|\s)#.*$", "", text))
    except ValueError as error:
        raise where.error(str(error).lower()) from None


def parse_time(where: Where, text: str, previous_ns: int) -> int:
    """Give a line's time in ns; ``+0.5`` counts from the line before. Raises ScriptError when it is none."""
    if not _TIME.fullmatch(text):
        raise where.error(
            f"{text!r} is no time; a line begins with seconds such as 1.5, or +20ms after the line before"
        )
    value = parse_duration(text.removeprefix("+"))
    return previous_ns + value if text.startswith("+") else value


def split_options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Give the bare words, and the ``key=value`` ones as a table."""
    bare: list[str] = []
    options: dict[str, str] = {}
    for word in words:
        match = _OPTION.fullmatch(word)
        if match:
            options[match[1]] = match[2]
        else:
            bare.append(word)
    return bare, options


def split_endpoint(where: Where, text: str) -> tuple[str, int | None]:
    """Give host and port of ``host``, ``host:port`` or ``[v6]:port``. Raises ScriptError for a bad port."""
    match = re.fullmatch(r"\[([^\]]+)\](?::(.+))?", text)
    if match:
        host, port = match[1], match[2]
    elif text.count(":") == 1:
        host, port = text.split(":")
    else:
        host, port = text, None
    if port is None:
        return host, None
    if not port.isdigit() or int(port) > 65535:
        raise where.error(f"{text!r}: {port!r} is no port")
    return host, int(port)
