from __future__ import annotations

import pytest
from markupsafe import Markup

from pcapaudit.report.links import Links, link_frames, link_rule, link_span

LINKS = Links(frames="/captures/ab/frames/", rules="/rules/")


def to(number: int) -> str:
    return f'<a class="peek" href="/captures/ab/frames/{number}">{number}</a>'


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no SYN-ACK (frame 7)", f"no SYN-ACK (frame {to(7)})"),
        ("frames 31, 38, 214.", f"frames {to(31)}, {to(38)}, {to(214)}."),
        ("frames 7 (b.pcap:2), 9 (b, 3.pcap:4)", f"frames {to(7)} (b.pcap:2), {to(9)} (b, 3.pcap:4)"),
        ("62 frames sent, 3 to 5", "62 frames sent, 3 to 5"),
        ("frame.number in {48, 49}", "frame.number in {48, 49}"),
    ],
)
def test_the_frames_that_a_sentence_names_become_links_and_nothing_else(said: str, shown: str) -> None:
    assert link_frames(said, LINKS) == Markup(shown)


def test_without_links_the_words_stay() -> None:
    assert link_frames("frame 7 <b>", None) == Markup("frame 7 &lt;b&gt;")
    assert link_span([1, 4, 9], None) == Markup("1 … 9")
    assert link_rule("ARP-DUP-IP", None) == Markup("ARP-DUP-IP")


def test_what_comes_from_the_wire_is_escaped_beside_a_link() -> None:
    shown = link_frames('<img src=x> (frame 7) "&', LINKS)

    assert shown == Markup(f"&lt;img src=x&gt; (frame {to(7)}) &#34;&amp;")


def test_a_span_leads_to_its_first_and_its_last_frame() -> None:
    assert link_span([4, 5, 9], LINKS) == Markup(f"{to(4)} … {to(9)}")
    assert link_span([4], LINKS) == Markup(to(4))
    assert link_span([], LINKS) == Markup("-")


def test_an_id_that_is_no_path_is_quoted() -> None:
    assert 'href="/rules/..%2Fx%22"' in link_rule('../x"', LINKS)


def test_a_long_list_of_numbers_is_read_in_one_go() -> None:
    numbers = ", ".join(map(str, range(20_000)))

    assert link_frames(f"frames {numbers}", LINKS).count("<a ") == 20_000
