from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.capture.sources import expand, group, is_capture
from pcapaudit.capture.writer import write_pcap, write_pcapng
from pcapaudit.model.errors import UsageError
from tests.capture.material import pcap_header, section

S = 1_000_000_000


def make(path: Path, first_s: float = 0, last_s: float = 0, *, link: int = 1) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pcap(path, [(int(first_s * S), b"a", None), (int(last_s * S), b"b", None)], link=link)
    return str(path)


def test_a_folder_stands_for_the_captures_in_and_below_it_by_name(tmp_path: Path) -> None:
    make(tmp_path / "b.pcap")
    make(tmp_path / "a" / "z.dat")
    (tmp_path / "c.gz").write_bytes(gzip.compress(section()))
    for name, content in (("notes.txt", b"hello"), ("empty", b""), ("d.pcap", b"<html>")):
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.pcap")
    assert expand([str(tmp_path)]) == [str(tmp_path / name) for name in ("a/z.dat", "b.pcap", "c.gz")]


def test_files_and_standard_input_are_taken_as_they_are(tmp_path: Path) -> None:
    text = tmp_path / "no capture.txt"
    text.write_bytes(b"hello")
    assert expand([str(text), "-"]) == [str(text), "-"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = make(tmp_path / "a.pcap")
    (tmp_path / "link.pcap").symlink_to(path)
    assert expand([path, str(tmp_path), "-", "-"]) == [path, "-"]


@pytest.mark.parametrize("name", ["missing.pcap", "missing/"])
def test_a_path_that_does_not_exist_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing.*there is no such file or folder"):
        expand([str(tmp_path / name)])


def test_a_folder_without_captures_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no capture in this folder"):
        expand([str(tmp_path)])


def test_a_folder_that_may_not_be_read_is_not_said_to_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Taking rights away would not stop root.
    monkeypatch.setattr(os, "access", lambda *_args, **_options: False)
    with pytest.raises(UsageError, match="may not look into the folder"):
        expand([str(tmp_path)])


def test_a_path_below_what_may_not_be_entered_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Any, **options: Any) -> os.stat_result:
        if os.fspath(path) == "locked/x.pcap":
            raise PermissionError(errno.EACCES, "Permission denied")
        return look(path, **options)

    look = os.stat
    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(UsageError, match="there is no such file or folder"):
        expand(["locked/x.pcap"])


def test_a_file_that_may_not_be_read_counts_as_a_capture(tmp_path: Path) -> None:
    # A folder cannot be read as a file, for anyone; taking rights away would not stop root.
    assert is_capture(tmp_path)


def test_files_one_after_another_are_one_ring_in_order_of_time(tmp_path: Path) -> None:
    paths = [make(tmp_path / name, *span) for name, span in {"a": (20, 30), "b": (0, 10), "c": (9.5, 20)}.items()]
    a, b, c = paths
    assert group(paths, separate=False) == [[b, c, a]]
    assert group(paths, separate=True) == [[a], [b], [c]]


@pytest.mark.parametrize(("second", "rings"), [(9.0, 1), (8.9, 2), (100_000.0, 1)])
def test_a_ring_may_overlap_by_a_second(second: float, rings: int, tmp_path: Path) -> None:
    paths = [make(tmp_path / "a", 0, 10), make(tmp_path / "b", second, 200_000)]
    assert len(group(paths, separate=False)) == rings


def test_a_file_inside_another_ones_time_parts_them_all(tmp_path: Path) -> None:
    paths = [make(tmp_path / "a", 0, 10), make(tmp_path / "b", 2, 5), make(tmp_path / "c", 11, 20)]
    assert group(paths, separate=False) == [[path] for path in paths]


def test_captures_of_different_link_types_are_never_one(tmp_path: Path) -> None:
    spans = {"a": (0, 10, 1), "b": (10, 20, 113), "c": (10, 20, 1)}
    a, b, c = [make(tmp_path / name, first, last, link=link) for name, (first, last, link) in spans.items()]
    assert group([a, b, c], separate=False) == [[a, c], [b]]


def test_pcap_and_pcapng_may_follow_each_other(tmp_path: Path) -> None:
    a = make(tmp_path / "a", 0, 10)
    write_pcapng(tmp_path / "b", [(11 * S, b"x", None)])
    assert group([a, str(tmp_path / "b")], separate=False) == [[a, str(tmp_path / "b")]]


def test_what_cannot_be_read_or_looked_at_twice_stands_alone(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a", 0, 10), make(tmp_path / "b", 10, 20)
    (tmp_path / "text").write_bytes(b"hello, no capture")
    os.mkfifo(tmp_path / "pipe")
    others = ["-", str(tmp_path / "text"), str(tmp_path / "pipe"), str(tmp_path / "gone")]
    assert group([a, *others, b], separate=False) == [[a, b], *([other] for other in others)]


def test_a_file_without_frames_ends_the_ring_of_its_link_type(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(pcap_header())
    (tmp_path / "other").write_bytes(pcap_header(network=113))
    empty, other = str(tmp_path / "empty"), str(tmp_path / "other")
    a, b = make(tmp_path / "a", 0, 10), make(tmp_path / "b", 10, 20)
    assert group([empty, other, b, a], separate=False) == [[a, b, empty], [other]]


def test_one_file_is_not_even_opened() -> None:
    assert group(["no such file"], separate=False) == [["no such file"]]
