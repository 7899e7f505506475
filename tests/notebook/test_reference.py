from __future__ import annotations

import inspect
from pathlib import Path

from pcapaudit.notebook.reference import CLASSES, FUNCTIONS, write_reference


def test_the_page_in_docs_is_made_from_the_code(checkout: Path) -> None:
    """After a change: python -m pcapaudit.notebook > docs/api.md."""
    assert (checkout / "docs" / "api.md").read_text(encoding="utf-8") == write_reference()


def test_everything_public_says_what_it_is() -> None:
    for each in CLASSES:
        public = [member for name, member in vars(each).items() if not name.startswith("_")]
        assert all(inspect.getdoc(member) for member in public), each
    assert all(inspect.getdoc(function) for function in FUNCTIONS)


def test_arguments_become_a_list_and_examples_code() -> None:
    page = write_reference()
    assert "- `device`: MAC or IP address of the one device to judge." in page
    assert '    >>> cap = read("samples/sensorist-blinking-red.pcapng")' in page
    assert "``" not in page.replace("```", "")
