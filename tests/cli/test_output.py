from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcapaudit.cli.output import choose_look, write_result
from pcapaudit.model.errors import UsageError


class Screen(io.TextIOWrapper):
    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(("encoding", "is_unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_marks_follow_the_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str, is_unicode: object) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(encoding))
    assert choose_look(None, "auto").is_unicode is is_unicode


@pytest.mark.parametrize(
    ("colour", "environment", "has_colour"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, colour: str, environment: dict[str, str], has_colour: object
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen("utf-8"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose_look(None, colour).has_colour is has_colour


def test_a_file_gets_unicode_and_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Screen("ascii"))
    look = choose_look("report.txt", "auto")
    assert (look.is_unicode, look.has_colour) == (True, False)


def test_what_the_encoding_lacks_is_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen("ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    write_result(["✓ ok\n"], "-")
    assert screen.buffer.getvalue() == b"\\u2713 ok\n"  # type: ignore[attr-defined]


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")
    target.chmod(0o640)
    write_result(["one\n", "✓\n"], str(target))
    assert target.read_text(encoding="utf-8") == "one\n✓\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_a_new_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    before = os.umask(0o027)
    try:
        write_result(["x"], str(target))
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_failure_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    def fail_halfway() -> Iterator[str]:
        yield "new"
        raise RuntimeError

    target = tmp_path / "report.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError):
        write_result(fail_halfway(), str(target))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_followed_and_a_device_written_directly(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(target)
    write_result(["x"], str(link))
    assert link.is_symlink()
    assert target.read_text() == "x"
    write_result(["x"], os.devnull)
    assert not Path(os.devnull).is_file()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*report.txt: No such file or directory"):
        write_result(["x"], str(tmp_path / "missing" / "report.txt"))
