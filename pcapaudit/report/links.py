"""Makes what a page speaks of into links: frames, rules.

A page that stands alone has no links; then the words stay as they are. Every function escapes its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from markupsafe import Markup, escape

from pcapaudit.model.records import dataclass
from pcapaudit.report.phrases import UNICODE, say_span

_FRAME = re.compile(r"(\d{1,12})(?: \([^()]{1,300}:\d{1,12}\))?")
_SAID = re.compile(rf"\bframes? ({_FRAME.pattern}(?:, {_FRAME.pattern})*)")
"""``frame 31``, ``frames 31, 38``, in a ring ``frame 31 (b.pcap:7)``: as ``phrases.say_frames`` writes them."""


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of the pages that a page of the server leads to; each lacks only what it names."""

    frames: str
    """Begin of the address of a frame's page, e.g. ``/captures/1a2b/frames/``."""
    rules: str
    """Begin of the address of a rule's explanation, e.g. ``/rules/``."""

    def frame(self, number: int) -> str:
        """Address of the page of one frame."""
        return f"{self.frames}{number}"

    def rule(self, rule_id: str) -> str:
        """Address of the explanation of one rule."""
        return f"{self.rules}{quote(rule_id, safe='')}"


def link_frames(text: str, links: Links | None) -> Markup:
    """A sentence in which every frame that it names is a link."""
    return escape(text) if links is None else Markup().join(_linked(text, links))


def link_span(frames: Sequence[int], links: Links | None) -> Markup:
    """First and last frame, ``31 … 214``; ``-`` for none."""
    if links is None or not frames:
        return escape(say_span(frames, UNICODE))
    ends = (frames[0], frames[-1])[: len(frames)]
    return escape(f" {UNICODE.dots} ").join(_link(str(number), links) for number in ends)


def link_rule(rule_id: str, links: Links | None) -> Markup:
    """A rule's id, leading to its explanation."""
    if links is None:
        return escape(rule_id)
    return Markup('<a class="peek" href="{}">{}</a>').format(links.rule(rule_id), rule_id)


def _linked(text: str, links: Links) -> Iterator[Markup]:
    done = 0
    for said in _SAID.finditer(text):
        for frame in _FRAME.finditer(text, said.start(1), said.end(1)):
            yield escape(text[done : frame.start(1)])
            yield _link(frame[1], links)
            done = frame.end(1)
    yield escape(text[done:])


def _link(number: str, links: Links) -> Markup:
    return Markup('<a class="peek" href="{}">{}</a>').format(links.frame(int(number)), number)
