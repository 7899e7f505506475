"""What every test may ask for: tools of this machine, root, the shared captures.

A test that lacks one of them skips and names what to install. Under CI the same lack is a failure, because there
everything is meant to run.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

PACKAGE_OF_TOOL = {
    "capinfos": "wireshark-common",
    "dnsmasq": "dnsmasq-base",
    "dumpcap": "wireshark-common",
    "editcap": "wireshark-common",
    "ip": "iproute2",
    "mergecap": "wireshark-common",
    "nft": "nftables",
    "ping": "iputils-ping",
    "setcap": "libcap2-bin",
    "setpriv": "util-linux",
}
"""Debian package of each tool whose package has another name."""

# Who is started in the background of a script is born deaf to Ctrl-C, and so is all that he starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# No test times: how long an example takes, or is made, says what else the machine does.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI nothing may skip", pytrace=False)
    pytest.skip(reason)


def _require_tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        _give_up(f"{name} is not installed (package {PACKAGE_OF_TOOL.get(name, name)})")
    return path


def _require_root() -> None:
    if os.geteuid() != 0:
        _give_up("needs root")


def _find_captures() -> Path:
    folder = CHECKOUT.parent / "shared" / "captures"
    if not folder.is_dir():
        _give_up("the shared captures are not beside this checkout (../shared/captures)")
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour the ``needs_…`` markers before any fixture of the test is made."""
    if item.get_closest_marker("needs_tshark"):
        _require_tool("tshark")
    if item.get_closest_marker("needs_browser"):
        _require_tool("chromium")
    if item.get_closest_marker("needs_root"):
        _require_root()
    if item.get_closest_marker("needs_captures"):
        _find_captures()


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Give a function that returns a tool's path, or ends the test with the name of its package."""
    return _require_tool


@pytest.fixture(scope="session")
def require_root() -> Callable[[], None]:
    """Give a function that ends the test unless it runs as root."""
    return _require_root


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root folder of this checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """The folder of shared example captures; a test that asks for it skips where there is none."""
    return _find_captures()


@pytest.fixture
def without_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at a live capture are taken when they are due, and not some time later by a copy of this process."""

    def fork() -> int:
        raise OSError

    monkeypatch.setattr(os, "fork", fork)
