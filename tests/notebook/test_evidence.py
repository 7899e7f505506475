from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import pcapaudit as pa
from pcapaudit.model.errors import UsageError

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def cap() -> pa.Capture:
    return pa.read(SAMPLES / "sensorist-blinking-red.pcapng")


def test_the_frames_are_those_that_the_findings_cite(cap: pa.Capture) -> None:
    cited = set(cap.findings["frames"].explode())
    assert set(cap.evidence().frames) == cited
    one = cap.evidence("TCP-ALL-PORTS-FAIL", device="10.20.36.101")
    assert set(one.frames) == set(cap.findings.loc[cap.findings["rule"] == "TCP-ALL-PORTS-FAIL", "frames"].iloc[0])
    assert one.packets["frame"].tolist() == list(one.frames)
    asked = one.packets[one.packets["smac"] == "02:54:10:2b:30:01"]
    assert set(asked["tcp_flags"]) == {"S"}
    assert repr(one).startswith("<Evidence: frames 48, ")


def test_a_row_of_the_findings_gives_its_own_frames(cap: pa.Capture) -> None:
    timeouts = cap.findings[cap.findings["rule"] == "TCP-SYN-TIMEOUT"]
    assert len(timeouts) > 1
    for _, row in timeouts.iterrows():
        assert cap.evidence(row).frames == tuple(sorted(row["frames"]))


@pytest.mark.needs_tshark
def test_what_is_saved_says_of_each_frame_what_it_proves(cap: pa.Capture, tmp_path: Path) -> None:
    evidence = cap.evidence("TCP-ALL-PORTS-FAIL")
    evidence.save(tmp_path / "x.pcapng")
    words = ["tshark", "-r", str(tmp_path / "x.pcapng"), "-T", "fields", "-e", "frame.comment"]
    comments = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(comments) == len(evidence.frames)
    assert all(f"frame {n} of the capture" in said for n, said in zip(evidence.frames, comments, strict=True))
    assert all("TCP-ALL-PORTS-FAIL" in said for said in comments)


@pytest.mark.needs_tshark
def test_what_is_saved_can_be_dissected(cap: pa.Capture) -> None:
    dissected = cap.evidence("TCP-ALL-PORTS-FAIL").dissect()
    cited = set(cap.evidence("TCP-ALL-PORTS-FAIL").frames)
    assert {frame.number for frame in dissected.frames} == cited
    assert {frame.number for frame in cap.dissect("TCP-ALL-PORTS-FAIL").frames} == cited


def test_nothing_to_prove_is_told(cap: pa.Capture) -> None:
    with pytest.raises(UsageError, match="nothing to prove"):
        cap.evidence("DNS-SINKHOLE")
    several = pa.read([SAMPLES / "sensorist-blinking-red.pcapng", SAMPLES / "tek-8844-dropped.pcapng"], separate=True)
    with pytest.raises(UsageError, match="several captures"):
        several.evidence()
    assert several.evidence(device="10.20.36.101").frames == cap.evidence().frames
