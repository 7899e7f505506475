from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.cli import products, signatures
from pcapaudit.cli.main import run
from pcapaudit.model.errors import SignatureError
from tests.support.products import some_products


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "load_signatures", some_products)


def test_the_list_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["signatures", "list"]) == 0
    assert capsys.readouterr().out == (
        "sensorist/gateway  Sensorist / Oscar TempLog gateway\ntek/pool-ems       Maktinta / TEK Pool EMS controller\n"
    )


def test_a_signature_is_shown_as_written_and_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tek").mkdir()
    (tmp_path / "tek" / "pool-ems.yaml").write_text("schema: 1\nproduct: a\x1b[2J\n", encoding="utf-8")
    assert run(["signatures", "show", "tek/pool-ems", "--signatures", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "schema: 1\nproduct: a\\x1b[2J\n"


@pytest.mark.parametrize(("faults", "status"), [(0, 0), (2, 2)])
def test_lint_prints_every_fault_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], faults: int, status: int
) -> None:
    fault = SignatureError("port 70000", file="acme/box.yaml", line=7, column=3, hint="1 to 65535")
    monkeypatch.setattr(signatures, "lint", lambda _folder, **_options: [fault] * faults)
    assert run(["signatures", "lint", "--signatures", "sig"]) == status
    assert capsys.readouterr().out.count("acme/box.yaml:7:3: port 70000 (1 to 65535)\n") == faults
