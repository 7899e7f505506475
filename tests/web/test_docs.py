"""What the documentation tells scripts to do is done here, word by word, at a server that really listens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.support import BLINKING, SAMPLES

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "docs" / "server.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """A server with all that it is given when nothing is said; its home is a fresh folder."""
    words = [sys.executable, "-m", "pcapaudit", "serve", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment(home)) as process:
        assert process.stderr is not None
        found = next(found for line in process.stderr if (found := re.search(r"http\S+(?=/login\?code=)", line)))
        yield found[0]
        process.kill()


def environment(home: Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name not in {"PCAPAUDIT_TOKEN", "XDG_DATA_HOME"}}
    return {**plain, "HOME": str(home)}


def run(words: list[str], folder: Path, home: Path) -> str:
    done = subprocess.run(
        words, check=False, cwd=folder, env=environment(home), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_shell_example_goes_the_whole_way(
    page: str, address: str, home: Path, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    shutil.copy(BLINKING, tmp_path / "x.pcapng")
    (script,) = blocks(page, "sh")
    assert ADDRESS in script
    run([require_tool("curl"), "--version"], tmp_path, home)
    said = run(["sh", "-euc", script.replace(ADDRESS, address)], tmp_path, home)

    assert '"known":false' in said
    assert '"state": "done"' in said
    assert "54.229.68.147" in said, "the mail to the firewall team"
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert '"verdict": "failed"' in (tmp_path / "report.json").read_text(encoding="utf-8")
    assert len(list(tmp_path.glob("evidence-*.pcapng"))) == 1


def test_the_python_example_says_what_is_wrong_with_each_device(
    page: str, address: str, home: Path, tmp_path: Path
) -> None:
    for sample in (BLINKING, SAMPLES / "sensorist-healthy.pcapng"):
        shutil.copy(sample, tmp_path)
    (tmp_path / "broken.pcapng").write_bytes(b"GIF89a" + bytes(90))
    (script,) = blocks(page, "python")
    said = run([sys.executable, "-c", script.replace(ADDRESS, address), str(tmp_path)], tmp_path, home).splitlines()

    assert said[0].startswith("broken.pcapng failed broken.pcapng at byte 0: no capture")
    assert said[1].startswith("sensorist-blinking-red.pcapng failed 02:54:10:2b:30:01 No answer from gk.sensorist.com")
    assert said[2].startswith("sensorist-healthy.pcapng healthy 02:54:10:2b:30:01")


def test_every_other_request_of_the_page_is_answered(
    page: str, address: str, home: Path, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    curl = require_tool("curl")
    token = f"Authorization: Bearer {(home / '.local/share/pcapaudit/token').read_text().strip()}"
    given = run([curl, "-sfT", str(BLINKING), "-H", token, f"{address}/api/captures?name=y.pcapng"], tmp_path, home)
    capture = given.split('"')[3]
    run([curl, "-sfN", "-H", token, f"{address}/api/captures/{capture}/events"], tmp_path, home)
    asked = re.findall(r"^    (curl .*)$", page, re.MULTILINE)
    assert len(asked) >= 3
    for line in asked:
        command = line.replace(ADDRESS, address).replace("/ID/", f"/{capture}/").replace("curl ", "curl -sf ", 1)
        run(["sh", "-euc", f'T="{token}"; {command}'], tmp_path, home)
