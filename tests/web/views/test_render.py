from __future__ import annotations

import pytest

from pcapaudit.web.views.render import say_bytes, say_moment, show_error


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
