"""Lets ``python -m pcapaudit`` do what the ``pcapaudit`` command does."""

from __future__ import annotations

from pcapaudit.cli.main import main
from pcapaudit.engine import leash

if __name__ == "__main__":
    leash.put_on()
    main()
