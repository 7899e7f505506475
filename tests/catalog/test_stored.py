from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.catalog import load, load_signatures, stored
from pcapaudit.catalog.schema import Signature
from tests.catalog.material import SMALL, write

USES = (
    "import sys, pcapaudit.catalog as c; c.load_signatures(); print('pydantic' in sys.modules or 'yaml' in sys.modules)"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is taken for the one that pcapaudit brings along, with one signature."""
    write(tmp_path, SMALL)
    monkeypatch.setattr(load, "signatures_dir", lambda: tmp_path)
    return tmp_path


def kept_in(folder: Path) -> Path:
    (path,) = (folder / "__pycache__").iterdir()
    return path


def recalled(folder: Path) -> tuple[Signature, ...] | None:
    return stored.recall(folder, load.list_files(folder))


def test_what_was_read_is_kept_and_is_the_same(folder: Path) -> None:
    assert recalled(folder) is None
    read = load_signatures()

    assert recalled(folder) == read == load_signatures() == load_signatures(folder)


def test_a_command_that_finds_them_kept_loads_neither_pydantic_nor_yaml() -> None:
    load_signatures()

    said = subprocess.run([sys.executable, "-c", USES], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"


def test_a_changed_file_is_read_again(folder: Path) -> None:
    load_signatures()
    write(folder, SMALL.replace("product: Box", "product: Crate"))

    assert recalled(folder) is None
    assert [s.title for s in load_signatures()] == ["Crate"]


def test_one_file_more_is_read_as_well(folder: Path) -> None:
    load_signatures()
    write(folder, SMALL, "acme/other.yaml")

    assert [s.id for s in load_signatures()] == ["acme/box", "acme/other"]


def test_other_code_reads_again(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    load_signatures()
    (tmp_path / "code").mkdir()
    monkeypatch.setattr(stored, "__file__", str(tmp_path / "code" / "stored.py"))

    assert recalled(folder) is None


def test_a_folder_of_somebody_else_is_never_kept(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    load_signatures(tmp_path)

    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("damage", [lambda _: b"", lambda b: b[:40], lambda b: b[:-1] + b"x", lambda b: b[::-1]])
def test_a_damaged_store_is_read_anew(folder: Path, damage: Any) -> None:
    read = load_signatures()
    kept_in(folder).write_bytes(damage(kept_in(folder).read_bytes()))

    assert recalled(folder) is None
    assert load_signatures() == read


@pytest.mark.parametrize("foreign", [OrderedDict(), Path("x"), print])
def test_nothing_but_signatures_is_made_of_it(folder: Path, foreign: object) -> None:
    load_signatures()
    body = pickle.dumps((foreign,))
    head = kept_in(folder).read_bytes()[:16] + hashlib.sha256(body).digest()[:16]
    kept_in(folder).write_bytes(head + body)

    assert recalled(folder) is None


def test_where_nothing_can_be_written_nothing_is_kept(folder: Path) -> None:
    (folder / "__pycache__").write_text("in the way")

    assert [s.id for s in load_signatures()] == ["acme/box"]
