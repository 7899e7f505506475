"""Start the lab from anywhere: ``python tests/lab/run.py [NAME ...] [--out DIR]``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.lab.command import main

    sys.exit(main())
