from __future__ import annotations

from pathlib import Path

from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.dictionary import write_dictionary


def test_the_page_in_docs_is_the_declarations(checkout: Path) -> None:
    """After a change: python -m pcapaudit.engine.tables > docs/tables.md."""
    assert (checkout / "docs" / "tables.md").read_text(encoding="utf-8") == write_dictionary()


def test_every_column_has_its_line() -> None:
    lines = write_dictionary().splitlines()
    for table in TABLES.values():
        assert f"## {table.name}" in lines
        assert all(any(line.startswith(f"| `{c.name}` | {c.kind.value}") for line in lines) for c in table.columns)
