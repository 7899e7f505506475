"""Prints the reference: ``python -m pcapaudit.notebook > docs/api.md``."""

from __future__ import annotations

import sys

from pcapaudit.notebook.reference import write_reference

if __name__ == "__main__":
    sys.stdout.write(write_reference())
