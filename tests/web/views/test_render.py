from __future__ import annotations

import pytest

from pcapaudit.web.views.render import HAS_LIVE, fill, say_bytes, say_moment, show_error


def test_an_error_is_a_page_with_its_status_and_its_text_escaped() -> None:
    page = show_error(404, "no <b>such</b> thing")
    assert page.status_code == 404
    assert b"no &lt;b&gt;such&lt;/b&gt; thing" in page.body


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 bytes"), (24, "24 bytes"), (99_999, "100.0 kB"), (1_234_567, "1.2 MB"), (20e9, "20.0 GB")]
)
def test_a_size_has_a_unit(size: int, said: str) -> None:
    assert say_bytes(size) == said


def test_a_moment_is_said_in_utc() -> None:
    assert say_moment(1_000_000_000) == "2001-09-09 01:46:40"


@pytest.mark.parametrize("has_live", [True, False])
def test_every_page_leads_to_the_live_watch_where_there_is_one(*, has_live: bool) -> None:
    before = HAS_LIVE.set(has_live)
    try:
        assert (b'href="/live"' in show_error(404, "x").body) is has_live
        assert b'href="/live"' not in show_error(404, "x", is_inside=False).body
    finally:
        HAS_LIVE.reset(before)


def test_a_part_of_a_page_is_filled_and_escaped() -> None:
    assert "&lt;b&gt;" in fill("error.html", is_inside=False, has_live=False, reason="<b>\u202e")
