"""The packet-script language: readable lines in, frames of a capture out. Its manual is ``tests/cases/README.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support import verbs_datagram, verbs_dhcp, verbs_ipv6, verbs_link, verbs_stream
from tests.support.faults import ScriptError, Where
from tests.support.line import Line, parse_time, split_endpoint, split_options, split_words
from tests.support.macros import MACROS
from tests.support.player import VERBS, Frame, Player
from tests.support.world import Host

__all__ = ["Frame", "Player", "ScriptError", "Where", "play"]

# Importing these modules fills VERBS.
_VERB_MODULES = (verbs_datagram, verbs_dhcp, verbs_ipv6, verbs_link, verbs_stream)
_REPEAT = re.compile(r"(\S+)\s+repeat\s+(\d+)\s+every\s+(\S+):")
_MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class _Text:
    """One line of text with its place."""

    where: Where
    body: str
    is_indented: bool


def play(player: Player, text: str, where: Where) -> None:
    """Play a script; ``where`` is the place of its first line.

    Raises:
        ScriptError: The script says something impossible.
    """
    clock = 0
    for count, (base_ns, line) in enumerate(_unrolled(_lines(text, where))):
        if count >= _MOST_LINES:
            raise line.where.error(f"the script is longer than {_MOST_LINES} lines after repeating")
        clock = _play_line(player, line, base_ns, clock)


def _lines(text: str, where: Where) -> list[_Text]:
    found = []
    for number, body in enumerate(text.splitlines()):
        if re.sub(r"(^|\s)#.*$", "", body).strip():
            found.append(_Text(replace(where, line=where.line + number), body.strip(), body[0].isspace()))
    return found


def _unrolled(lines: list[_Text]) -> Iterator[tuple[int, _Text]]:
    """Give each line with the time that its own time counts from; a block's lines once per round."""
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        block = _REPEAT.fullmatch(line.body)
        if line.is_indented:
            raise line.where.error("an indented line belongs under a 'repeat … :' line")
        if block is None:
            yield 0, line
            continue
        inner = []
        while at < len(lines) and lines[at].is_indented:
            inner.append(lines[at])
            at += 1
        if not inner:
            raise line.where.error("repeat has no indented lines")
        start, pace = parse_time(line.where, block[1], 0), parse_time(line.where, block[3], 0)
        for round_ in range(int(block[2])):
            for text in inner:
                yield start + round_ * pace, text


def _play_line(player: Player, text: _Text, base_ns: int, clock: int) -> int:
    """Play one line and give the time of its last frame."""
    words = split_words(text.where, text.body)
    time_ns = parse_time(text.where, words[0], clock - base_ns) + base_ns
    if words[1:] == ["dup"]:
        player.repeat_last(_dup_line(player, text, time_ns))
        return time_ns
    return _play_words(player, text, words[1:], time_ns)


def _dup_line(player: Player, text: _Text, time_ns: int) -> Line:
    host = player.world.gateway
    return Line(text.where, text.body, time_ns, host, host, None, None, "dup", [], {})


def _play_words(player: Player, text: _Text, words: list[str], time_ns: int) -> int:
    line = _parse(player, text, words, time_ns)
    try:
        if line.verb in MACROS:
            time_ns = _play_macro(player, text, line)
        else:
            VERBS[line.verb](player, line)
        line.check_used_up()
    except ValueError as error:
        raise text.where.error(str(error)) from None
    return time_ns


def _play_macro(player: Player, text: _Text, line: Line) -> int:
    """Play what the line stands for; its label goes to the first frame, ``unseen`` and ``lost`` to all."""
    label = f" as={line.label}" if line.label else ""
    flags = " unseen" * line.is_unseen + " lost" * line.is_lost
    end = line.time_ns
    for at, step in MACROS[line.verb](player, line):
        inner = replace(text, body=f"{step}   <- {text.body}")
        end = _play_words(player, inner, split_words(text.where, step + flags + label), line.time_ns + at)
        label = ""
    return end


def _parse(player: Player, text: _Text, words: list[str], time_ns: int) -> Line:
    if len(words) < 4 or words[1] != ">":
        raise text.where.error(f"{text.body!r}: a line reads '<time> <from> > <to> <what …>'")
    src, sport = _endpoint(player, text.where, words[0])
    dst, dport = _endpoint(player, text.where, words[2])
    verb = words[3]
    if verb not in VERBS and verb not in MACROS:
        known = ", ".join(sorted([*VERBS, *MACROS]))
        raise text.where.error(f"{verb!r} is unknown; known are {known}")
    bare, options = split_options(words[4:])
    line = Line(text.where, text.body, time_ns, src, dst, sport, dport, verb, bare, options)
    line.label = line.pop("as") or None
    line.is_unseen, line.is_lost = line.take("unseen"), line.take("lost")
    return line


def _endpoint(player: Player, where: Where, text: str) -> tuple[Host, int | None]:
    name, port = split_endpoint(where, text)
    try:
        return player.world.find(name), port
    except ValueError as error:
        raise where.error(str(error)) from None
