from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.cli.main import run
from pcapaudit.cli.serve import default_data_dir, read_size, read_span, read_url
from pcapaudit.model.errors import UsageError
from pcapaudit.web.settings import Settings


@pytest.mark.parametrize(("text", "size"), [("500", 500), ("10G", 10 << 30), ("3m", 3 << 20), ("1K", 1024)])
def test_a_size_is_read(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("5m", 300.0), ("12h", 43200.0), ("30d", 2592000.0)])
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert read_span(text) == seconds


@pytest.mark.parametrize("text", ["", "G", "10X", "-1", "1.5G", "10 GB", "0", "0s"])
def test_what_is_no_size_or_span_is_named(text: str) -> None:
    for read in (read_size, read_span):
        with pytest.raises(UsageError, match="expected a"):
            read(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://audit.example.com", "https://audit.example.com"),
        ("https://Audit.Example.com:443/", "https://audit.example.com"),
        ("http://10.0.0.2:8000", "http://10.0.0.2:8000"),
        ("http://[fd00::2]:80", "http://[fd00::2]"),
    ],
)
def test_an_address_for_browsers_is_read_as_they_name_an_origin(text: str, origin: str) -> None:
    assert read_url(text) == origin


@pytest.mark.parametrize("text", ["", "audit.example.com", "https://a/b", "ftp://a", "https://u@a", "https://a?b"])
def test_what_is_no_address_for_browsers_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="expected an address such as"):
        read_url(text)


def test_the_data_of_a_user_stands_where_the_desktop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_data_dir() == Path("/somewhere/pcapaudit")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_data_dir() == Path.home() / ".local" / "share" / "pcapaudit"


def test_a_wrong_span_ends_the_command_before_it_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "0", "--keep", "soon", "--data-dir", str(tmp_path)]) == 2
    assert "--keep soon: expected a span" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--live-filter", "tcp"], "--live-filter belongs to --live NAME"),
        (["--live", "eth1", "--live-ring-size", "1M"], "--live-ring-size must be at least 20M"),
        (["--live", "eth1", "--live-ring-size", "much"], "is no size"),
    ],
)
def test_a_watch_that_cannot_be_meant_ends_the_command_before_it_listens(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--port", "0", "--data-dir", str(tmp_path), *words]) == 2
    assert reason in capsys.readouterr().err


def test_a_watch_is_planned_in_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[Settings] = []
    monkeypatch.setattr("pcapaudit.web.server.serve", lambda settings, *_: begun.append(settings))
    for words in (["--live", "eth1", "--live-filter", "not port 22", "--live-ring-size", "1G"], []):
        assert run(["serve", "--port", "0", "--data-dir", str(tmp_path), *words]) == 0
    (watching, plain) = begun
    assert plain.live is None
    assert watching.live is not None
    assert (watching.live.interface, watching.live.folder) == ("eth1", tmp_path / "live")
    assert {"--filter=not port 22", "--ring-size=1024M"} <= set(watching.live.words)
    assert f"eth1 is watched; its newest frames are kept in {tmp_path / 'live' / 'ring'}" in capsys.readouterr().err
