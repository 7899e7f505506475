from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any
from unittest import mock

import fsspec
import pytest

from pcapaudit.engine.places import Names, Shelf, fetch, find_anywhere, make_absolute
from pcapaudit.model.errors import UsageError

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "tek-healthy.pcapng"


@pytest.fixture
def far() -> Any:
    """A file system of fsspec with two captures, results beside one of them, and a note."""
    files = fsspec.filesystem("memory")
    files.rm("/", recursive=True)
    for name in ("site/b.pcapng", "site/deep/a.pcapng"):
        files.pipe(f"/{name}", SAMPLE.read_bytes())
    files.pipe("/site/b.pcapng.pcapaudit/0123/copy.pcapng", SAMPLE.read_bytes())
    files.pipe("/site/note.txt", b"no capture")
    files.pipe("/site/empty", b"")
    return files


@pytest.mark.usefixtures("far")
def test_a_far_folder_stands_for_its_captures_and_not_for_their_results() -> None:
    assert find_anywhere(["memory://site"], separate=False) == [
        ("memory:///site/b.pcapng",),
        ("memory:///site/deep/a.pcapng",),
    ]


@pytest.mark.usefixtures("far")
def test_a_pattern_stands_for_what_matches_and_a_file_for_itself() -> None:
    assert find_anywhere(["memory://site/*.txt"], separate=True) == [("memory:///site/note.txt",)]
    twice = ["memory://site/b.pcapng", "memory://site/*.pcapng"]
    assert find_anywhere([*twice, str(SAMPLE)], separate=True) == [(str(SAMPLE),), ("memory:///site/b.pcapng",)]


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("memory://gone", "no capture is there"),
        ("memory://site/*.gone", "no capture is there"),
        ("odd://site", "odd"),
    ],
)
def test_an_address_with_nothing_behind_it_is_told(address: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find_anywhere([address], separate=True)


def test_what_a_library_says_of_an_address_is_told(far: Any) -> None:
    class NoCredentialsError(Exception):
        """As the one of botocore: no OSError."""

    refusal = mock.patch.object(type(far), "isdir", side_effect=NoCredentialsError("Unable to locate credentials"))
    with refusal, pytest.raises(UsageError, match=r"^memory://site: Unable to locate credentials$"):
        find_anywhere(["memory://site"], separate=True)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *words: Any, **named: Any) -> Any:
        if name == "fsspec":
            raise ImportError(name)
        return real(name, *words, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r"pcapaudit\[cluster\]"):
        find_anywhere(["s3://bucket/x.pcap"], separate=True)


@pytest.mark.usefixtures("far")
def test_what_is_far_is_copied_under_its_name_and_what_is_near_is_not(tmp_path: Path) -> None:
    near, copied = fetch([str(SAMPLE), "memory://site/b.pcapng"], tmp_path)
    assert near == str(SAMPLE)
    assert (Path(copied).name, Path(copied).read_bytes()) == ("b.pcapng", SAMPLE.read_bytes())
    with pytest.raises(FileNotFoundError):
        fetch(["memory://site/gone.pcapng"], tmp_path / "other")


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_shelf_gives_back_what_was_put_there(kind: str, tmp_path: Path, far: Any) -> None:
    capture = str(tmp_path / "x.pcap") if kind == "disk" else "memory://site/b.pcapng"
    source, target = tmp_path / "made", tmp_path / "taken"
    source.write_text("result", encoding="utf-8")
    shelf = Shelf(capture, "abc")
    assert not shelf.holds("report.json")
    shelf.prepare()
    shelf.put(source, "report.json")
    assert Shelf(capture, "abc").holds("report.json")
    assert not Shelf(capture, "other").holds("report.json")
    shelf.take("report.json", target)
    assert target.read_text(encoding="utf-8") == "result"
    on_disk = [path.name for path in tmp_path.glob("x.pcap.pcapaudit/abc/*")]
    in_memory = [Path(name).name for name in far.find("/site/b.pcapng.pcapaudit/abc")]
    assert (on_disk if kind == "disk" else in_memory) == ["report.json"]


def test_a_result_that_cannot_be_written_whole_is_not_there(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "x.pcap"), "abc")
    shelf.prepare()
    full = mock.patch("pathlib.Path.replace", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(OSError, match="No space left"):
        shelf.put(SAMPLE, "report.json")
    assert not any((tmp_path / "x.pcap.pcapaudit" / "abc").iterdir())


def test_the_hash_of_a_capture_is_known_until_its_digest_or_the_edition_changes(far: Any) -> None:
    capture = "memory://site/b.pcapng"
    Names(capture, "1.0").note("abc")
    assert Names(capture, "1.0").recall() is None
    with mock.patch.object(type(far), "protocol", ("memory", "s3")):
        Names(capture, "1.0").note("abc")
        assert Names(capture, "1.0").recall() == "abc"
        assert Names(capture, "2.0").recall() is None
        far.pipe("/site/b.pcapng", b"changed")
        assert Names(capture, "1.0").recall() is None


def test_a_path_crosses_the_wire_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_absolute("x.pcap") == str(tmp_path / "x.pcap")
    assert make_absolute("s3://bucket/x.pcap") == "s3://bucket/x.pcap"
