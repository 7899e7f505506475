"""Each worse capture is what it says it is: held against tshark, and against the frames it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.artefacts import blindness
from tests.lab.artefacts.original import Original, load_original, outside_of
from tests.lab.artefacts.table import ARTEFACTS
from tests.lab.artefacts.tape import read_tape
from tests.lab.network import run_command
from tests.lab.truth import read_truth

MAC = "02:54:10:2b:30:01"


@pytest.fixture(scope="module")
def original(checkout: Path) -> Original:
    return load_original(read_truth(checkout / "samples" / "sensorist-blinking-red.yaml"))


def _written(original: Original, name: str, folder: Path) -> list[Path]:
    files = ARTEFACTS[name].derive(original)
    assert files is not None
    paths = [folder / f"{number}.cap" for number in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(content)
    return paths


def _fields(path: Path, display_filter: str, *fields: str) -> list[str]:
    words = [word for field in fields for word in ("-e", field)]
    return run_command("tshark", "-n", "-r", str(path), "-Y", display_filter, "-T", "fields", *words).splitlines()


@pytest.mark.needs_tshark
@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("VLAN", "vlan.id == 36"),
        ("QinQ", "ieee8021ad.id == 200 && vlan.id == 36"),
        ("ERSPAN I", "gre.proto == 0x88be && !gre.sequence_number"),
        ("ERSPAN II", "gre.proto == 0x88be && erspan.version == 1 && erspan.vlan == 36"),
        ("ERSPAN III", "gre.proto == 0x22eb && erspan.version == 2 && erspan.vlan == 36"),
        ("GRE", "gre.proto == 0x6558"),
        ("VXLAN", "vxlan.vni == 36"),
        ("Geneve", "geneve.vni == 36"),
        ("SLL2", "sll.ifindex == 3"),
    ],
)
def test_tshark_finds_every_frame_in_its_new_header(original: Original, name: str, header: str, tmp_path: Path) -> None:
    (path,) = _written(original, name, tmp_path)

    assert len(_fields(path, header, "frame.number")) == len(original.inside.frames)
    assert len(_fields(path, "_ws.malformed", "frame.number")) == 0
    query = 'dns.flags.response == 0 && dns.qry.name == "gk.sensorist.com"'
    plain = original.truth.capture
    assert len(_fields(path, query, "frame.number")) == len(_fields(plain, query, "frame.number")) > 0


@pytest.mark.needs_tshark
def test_two_interfaces_have_their_own_resolution_and_one_direction_each(original: Original, tmp_path: Path) -> None:
    (path,) = _written(original, "two interfaces", tmp_path)

    places = {tuple(line.split("\t")) for line in _fields(path, "eth", "frame.interface_id", "eth.src")}

    assert {number for number, mac in places if mac == "02:1f:77:00:00:01"} == {"1"}
    assert {number for number, mac in places if mac == MAC} == {"0"}


@pytest.mark.parametrize("name", ["ring of pcap files", "ring of pcapng files", "pcapng", "a day later"])
def test_nothing_is_lost_between_files_formats_and_clocks(original: Original, name: str, tmp_path: Path) -> None:
    frames = [frame for path in _written(original, name, tmp_path) for frame in read_tape(path).frames]

    assert [frame.data for frame in frames] == [frame.data for frame in original.inside.frames]


def test_a_direction_is_missing_entirely_and_the_other_not_at_all(original: Original) -> None:
    sent = blindness.only_sent_by(original.judged)(original.inside)
    received = blindness.only_received_by(original.judged)(original.inside)
    own = bytes.fromhex(MAC.replace(":", ""))

    assert {frame.data[6:12] for frame in sent.frames} == {own}
    assert own not in {frame.data[6:12] for frame in received.frames}
    assert len(sent.frames) == sum(frame.data[6:12] == own for frame in original.inside.frames)


def test_a_capture_that_ends_behind_a_syn_ends_with_it(original: Original, tmp_path: Path) -> None:
    (path,) = _written(original, "ends after first SYN", tmp_path)

    last = read_tape(path).frames[-1]

    assert last.data[6:12].hex(":") == MAC
    assert last.data[47] == 0x02


def test_short_frames_keep_their_length_on_the_wire(original: Original, tmp_path: Path) -> None:
    (path,) = _written(original, "snap 96", tmp_path)

    frames = read_tape(path).frames

    assert max(len(frame.data) for frame in frames) == 96
    assert [frame.wire for frame in frames] == [frame.wire for frame in original.inside.frames]


@pytest.mark.parametrize(("first_s", "last_s", "is_whole"), [(0, 60, True), (12, 60, False), (0, 32, False)])
def test_a_cut_through_a_change_of_the_truth_is_refused(
    original: Original, first_s: int, last_s: int, *, is_whole: bool
) -> None:
    truth = original.truth.__class__(
        original.truth.name, original.truth.capture, original.truth.devices, frozenset(), frozenset(), (15.0, 30.0)
    )
    changing = Original(truth, original.inside, None)
    start = changing.start_ns

    assert changing.is_cut_outside_change(start + first_s * 10**9, start + last_s * 10**9) is is_whole


def test_what_a_capture_does_not_have_cannot_be_made_of_it(original: Original) -> None:
    assert not outside_of(original.truth.capture).exists()
    assert {name for name, artefact in ARTEFACTS.items() if artefact.derive(original) is None} == {
        "both sides",
        "both sides, two interfaces",
        "WAN side",
        "starts in connection",
    }


@pytest.mark.needs_tshark
def test_a_clock_that_is_set_changes_the_times_behind_the_middle_and_nothing_else(
    original: Original, tmp_path: Path
) -> None:
    (path,) = _written(original, "set back 2 h", tmp_path)

    back = [float(passed) for passed in _fields(path, "frame.time_delta < 0", "frame.time_delta")]

    assert len(back) == 1
    assert -7200 <= back[0] < -7190
    assert [frame.data for frame in read_tape(path).frames] == [frame.data for frame in original.inside.frames]
