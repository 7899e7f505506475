from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.notebook.sources import Sources, name_sources

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = SAMPLES / "sensorist-blinking-red.pcapng"


def test_paths_and_folders_are_taken_as_they_are() -> None:
    assert Sources(BLINKING).paths == [str(BLINKING)]
    assert Sources([str(SAMPLES), BLINKING]).paths == [str(SAMPLES), str(BLINKING)]


def test_a_pattern_gives_its_files_in_order_and_a_file_with_such_a_name_itself(tmp_path: Path) -> None:
    for name in ("b.pcap", "a.pcap", "c.txt", "odd[1].pcap"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in Sources(str(tmp_path / "?.pcap")).paths] == ["a.pcap", "b.pcap"]
    assert Sources(str(tmp_path / "odd[1].pcap")).paths == [str(tmp_path / "odd[1].pcap")]


def test_a_file_object_is_copied_whole_and_keeps_its_name() -> None:
    with BLINKING.open("rb") as stream:
        found = Sources(stream)
    assert Path(found.paths[0]).read_bytes() == BLINKING.read_bytes()
    assert found.names[found.paths[0]] == str(BLINKING)


def test_an_address_of_fsspec_is_fetched(tmp_path: Path) -> None:
    shutil.copy(BLINKING, tmp_path / "x.pcapng")
    found = Sources(f"file://{tmp_path}/x.pcapng")
    assert Path(found.paths[0]).read_bytes() == BLINKING.read_bytes()


def test_for_other_machines_addresses_stay_as_they_are_and_patterns_are_looked_up_here() -> None:
    pattern = str(BLINKING.parent / "sensorist-bl*.pcapng")
    assert name_sources(["s3://bucket/*.pcap", pattern, BLINKING]) == ["s3://bucket/*.pcap", *[str(BLINKING)] * 2]
    with BLINKING.open("rb") as stream, pytest.raises(UsageError, match="not file objects"):
        name_sources(stream)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere/*.pcap", "no file matches"),
        ([], "no source was given"),
        (io.StringIO("text"), "open captures with mode 'rb'"),
        ([3], "not int"),
    ],
)
def test_what_is_no_source_is_told(given: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Sources(given)  # type: ignore[arg-type]
