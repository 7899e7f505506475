"""The notebooks run from the first cell to the last, in a kernel of their own, and are stored without outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CELL_SECONDS = 120
RICH = ("image/png", "text/html")
"""What a picture, and a table or a card, show themselves as."""


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def shown(notebook: Any) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            yield from output.get("data", {})


def test_the_tutorial_is_complete() -> None:
    assert [path.name.partition("_")[0] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_what_it_showed(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(stored)
    assert [cell["id"] for cell in code_cells(stored) if cell["outputs"] or cell["execution_count"] is not None] == []
    assert {cell["id"] for cell in stored["cells"] if cell["metadata"]} == set()
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    assert stored["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_something(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Neither the settings of who runs this nor what a notebook leaves behind shall reach the other.
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "kernels"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))  # type: ignore[no-untyped-call]
    # Sockets in a folder of its own, whose name must be short: a port that is free now may be another's a moment later.
    with TemporaryDirectory(dir="/tmp", prefix="nb-") as sockets:
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/k"}})
        place = {"metadata": {"path": str(FOLDER)}}
        client = NotebookClient(notebook, timeout=CELL_SECONDS, resources=place, config=config)
        done = client.execute()
    assert any(kind in RICH for kind in shown(done))
    assert not [o for cell in code_cells(done) for o in cell["outputs"] if o.get("name") == "stderr"]
