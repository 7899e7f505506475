"""Prints the data dictionary: ``python -m pcapaudit.engine.tables > docs/tables.md``."""

from __future__ import annotations

import sys

from pcapaudit.engine.tables.dictionary import write_dictionary

if __name__ == "__main__":
    sys.stdout.write(write_dictionary())
