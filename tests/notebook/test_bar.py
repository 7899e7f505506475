from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pcapaudit.engine.progress import Phase, Step, ignore
from pcapaudit.notebook import bar


class _Display:
    """Stands for ``IPython.display``; keeps what a person sees."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def HTML(self, text: str) -> str:  # noqa: N802 - its name there
        return text

    def display(self, drawn: str, *, display_id: bool) -> _Display:
        assert display_id
        self.update(drawn)
        return self

    def update(self, drawn: str) -> None:
        self.shown.append(drawn)


def test_quick_work_shows_no_bar() -> None:
    display = _Display()
    with bar.Bar(display) as tell:
        tell(Step(Phase.READING, 1, 2))
    assert display.shown == []


def test_slow_work_shows_its_share_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0, 9.0, 18.0, 18.0])
    monkeypatch.setattr("pcapaudit.notebook.bar.time.monotonic", lambda: next(clock))
    display = _Display()
    with bar.Bar(display) as tell:
        tell(Step(Phase.READING, 1, 4))
        tell(Step(Phase.JUDGING, 4, 4))
    assert "reading: 25%" in display.shown[0]
    assert 'value="1.0000"' in display.shown[1]
    assert display.shown[2] == ""


def test_without_a_total_the_bar_says_what_is_done() -> None:
    assert "reading<" in bar.draw(Step(Phase.READING, 10, None))


def test_outside_a_notebook_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert bar.bar_of_session() is ignore
    bar.clear_bar(ignore)


def test_in_a_notebook_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: session))
    monkeypatch.setitem(sys.modules, "IPython.display", _Display())
    assert isinstance(bar.bar_of_session(), bar.Bar)
