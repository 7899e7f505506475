"""A test that lacks a tool skips with the package's name; under CI the same lack is a failure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest


def test_a_missing_tool_skips_and_names_its_package(
    require_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"editcap is not installed \(package wireshark-common\)"):
        require_tool("editcap")


def test_a_missing_tool_fails_in_ci(require_tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception, match="tshark is not installed"):
        require_tool("tshark")


def test_a_present_tool_is_given_with_its_path(require_tool: Callable[[str], str]) -> None:
    assert os.access(require_tool("sh"), os.X_OK)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no user number")
def test_only_root_passes_where_root_is_needed(
    require_root: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    require_root()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="needs root"):
        require_root()
