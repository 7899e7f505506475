"""Where the code runs: in a notebook, or anywhere else."""

from __future__ import annotations

import sys


def is_notebook() -> bool:
    """Whether a kernel of Jupyter runs this. IPython is not imported to find out."""
    shell = sys.modules.get("IPython")
    session = shell.get_ipython() if shell is not None else None
    return session is not None and hasattr(session, "kernel")
