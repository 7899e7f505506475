"""Which captures of the lab CI holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.lab.artefacts.original import outside_of
from tests.lab.artefacts.tape import read_tape
from tests.lab.keep import chosen, keep
from tests.lab.truth import Truth, read_folder, read_truth


def _like(truth: Truth, name: str, **changes: object) -> Truth:
    return replace(truth, name=name, devices=(replace(truth.devices[0], **changes),))  # type: ignore[arg-type]


def test_one_capture_of_each_fault_is_enough_and_the_samples_count(checkout: Path) -> None:
    red = read_truth(checkout / "samples" / "sensorist-blinking-red.yaml")
    offered = [
        _like(red, "as-the-sample"),
        _like(red, "reset", rule="TCP-SYN-RST"),
        _like(red, "reset-again", rule="TCP-SYN-RST"),
    ]

    assert [truth.name for truth in chosen(offered)] == ["reset"]


def test_every_healthy_story_is_kept(checkout: Path) -> None:
    calm = read_truth(checkout / "samples" / "tek-healthy.yaml")

    assert [truth.name for truth in chosen([_like(calm, "one"), _like(calm, "two")])] == ["one", "two"]


def test_a_kept_capture_holds_the_same_frames(checkout: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "lab", tmp_path / "kept"
    outside_of(source / "any").parent.mkdir(parents=True)
    original = checkout / "samples" / "tek-healthy.pcapng"
    capture = source / "calm.pcapng"
    for place in (capture, outside_of(capture)):
        place.write_bytes(original.read_bytes())
    capture.with_suffix(".yaml").write_bytes(original.with_suffix(".yaml").read_bytes())

    keep(source, target)

    (truth,) = read_folder(target)
    assert read_tape(truth.capture) == read_tape(outside_of(truth.capture)) == read_tape(original)
    assert truth.capture.stat().st_size < original.stat().st_size / 2
