from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from pcapaudit.model.words import State, Verdict
from pcapaudit.notebook.plots import style


def test_every_state_and_verdict_has_its_look() -> None:
    assert set(style.STATE_COLOURS) == set(style.STATE_MARKS) == set(State)
    assert set(style.VERDICT_COLOURS) == set(Verdict)
    assert len(set(style.STATE_MARKS.values())) == len(style.STATE_MARKS)


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    for form in ("svg", "pdf", "png"):
        pictures = []
        for _ in range(2):
            ax = style.new_axes(None)
            ax.plot([1, 2], [3, 4])
            style.save(style.finish(ax, "title", "time (s)"), tmp_path / f"x.{form}")
            pictures.append((tmp_path / f"x.{form}").read_bytes())
        assert pictures[0] == pictures[1], form


def test_a_picture_is_drawn_where_it_is_told_to() -> None:
    ax = style.new_axes(None)
    assert style.new_axes(ax) is ax
    assert Image.open(io.BytesIO(style.picture(ax, "png"))).width == 9 * 150


def test_text_from_the_wire_is_no_mathematics_and_steers_nothing() -> None:
    assert style.plain("a$x^2$\x1b[2J") == r"a\$x^2\$\x1b[2J"
    ax = style.say_nothing(style.new_axes(None), "odd $\\frac{")
    assert b"<svg" in style.picture(ax, "svg")


@pytest.mark.parametrize(("text", "shown"), [("short", "short"), ("a" * 50 + " TCP 443", None)])
def test_a_label_keeps_both_ends(text: str, shown: str | None) -> None:
    said = style.label(text)
    assert said == (shown or said)
    assert len(said) <= 44
    assert said.startswith(text[:5])
    assert said.endswith(text[-5:])


def test_colours_repeat_rather_than_run_out() -> None:
    assert len(style.colours_of([str(n) for n in range(20)])) == 20
