from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pcapaudit.notebook.session import is_notebook


@pytest.mark.parametrize(
    ("shell", "answer"),
    [
        (None, False),
        (SimpleNamespace(get_ipython=lambda: None), False),
        (SimpleNamespace(get_ipython=SimpleNamespace), False),
        (SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)), True),
    ],
)
def test_only_a_kernel_is_a_notebook(monkeypatch: pytest.MonkeyPatch, shell: object, *, answer: bool) -> None:
    if shell is None:
        monkeypatch.delitem(sys.modules, "IPython", raising=False)
    else:
        monkeypatch.setitem(sys.modules, "IPython", shell)
    assert is_notebook() is answer
