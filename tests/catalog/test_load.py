from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import pcapaudit.catalog
from pcapaudit.catalog import load_signatures, sha256_of
from pcapaudit.catalog.load import list_files
from pcapaudit.model.errors import SignatureError
from tests.catalog.material import SMALL, write


def test_signatures_come_ordered_by_id(tmp_path: Path) -> None:
    for name in ("zeta/b.yaml", "acme/z.yaml", "acme/a.yaml", "acme-2/a.yaml"):
        write(tmp_path, SMALL, name)
    assert [s.id for s in load_signatures(tmp_path)] == ["acme-2/a", "acme/a", "acme/z", "zeta/b"]


def test_a_folder_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    write(tmp_path / "shipped", SMALL)
    write(tmp_path / "shipped", SMALL, "acme/other.yaml")
    write(tmp_path / "own", SMALL.replace("product: Box", "product: My box"))
    write(tmp_path / "own", SMALL, "mine/thing.yaml")
    found = load_signatures(tmp_path / "shipped", extra=tmp_path / "own")
    assert {s.id: s.title for s in found} == {"acme/box": "My box", "acme/other": "Box", "mine/thing": "Box"}


def test_without_a_folder_the_shipped_signatures_are_read(checkout: Path) -> None:
    expected = {p.relative_to(checkout / "signatures").as_posix() for p in (checkout / "signatures").glob("*/*.yaml")}
    assert {f"{s.id}.yaml" for s in load_signatures()} == expected


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    (signature,) = load_signatures(tmp_path)
    assert sha256_of(signature) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_that_are_no_signatures_are_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    for name in ("README.md", "acme/notes.txt", "acme/deep/er.yaml", "top.yaml"):
        write(tmp_path, "nothing", name)
    assert list_files(tmp_path) == [path]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="no such folder of signatures"):
        load_signatures(tmp_path / "gone")


def test_a_folder_that_somebody_names_must_hold_a_signature(tmp_path: Path) -> None:
    write(tmp_path, SMALL, "acme.yaml")
    with pytest.raises(SignatureError, match=r"no signature in here \(write <vendor>/<product>.yaml\)"):
        load_signatures(tmp_path)


def test_the_room_has_no_other_door() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'window'"):
        _ = pcapaudit.catalog.window
