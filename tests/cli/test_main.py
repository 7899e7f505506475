from __future__ import annotations

import errno
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from pcapaudit.cli import main as cli
from pcapaudit.model.errors import CaptureError

BLINKING = str(Path(__file__).resolve().parents[2] / "samples" / "sensorist-blinking-red.pcapng")
HEAVY = {"pandas", "matplotlib", "numpy", "dpkt", "pydantic"}


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_help_imports_no_command_and_nothing_heavy() -> None:
    told = run_python(
        "import sys; from pcapaudit.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    loaded = set(told.stderr.split())
    assert not HEAVY & loaded
    assert not {name for name in loaded if name.startswith(("pcapaudit.engine", "pcapaudit.cli.audit"))}
    assert "audit" in told.stdout


def test_the_audit_command_imports_neither_pandas_nor_matplotlib() -> None:
    told = run_python(
        "import sys; from pcapaudit.cli.main import run; run(['audit', '--help']); print(*sys.modules, file=sys.stderr)"
    )
    assert "Usage: pcapaudit audit" in told.stdout
    assert not {"pandas", "matplotlib"} & set(told.stderr.split())


@pytest.mark.parametrize(
    "name",
    [
        "audit",
        "compare",
        "serve",
        "explain",
        "signatures",
        "evidence",
        "dissect",
        "flows",
        "how-to-capture",
        "doctor",
        "completion",
    ],
)
def test_every_command_has_its_help_within_80_columns_and_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if len(line) > 80] == []
    assert "Examples:" in told


def fail_with(error: BaseException) -> Callable[..., int]:
    def fail(*_args: object, **_options: object) -> int:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (CaptureError("no capture", path="a.pcap", offset=0), 2, "pcapaudit: a.pcap at byte 0: no capture\n"),
        (CaptureError("found \x1b[2J", path="x"), 2, "pcapaudit: x: found \\x1b[2J\n"),
        (click.UsageError("no such option"), 2, "Error: no such option\n"),
        (click.ClickException("odd"), 2, "Error: odd\n"),
        (KeyboardInterrupt(), 130, "pcapaudit: interrupted\n"),
        (click.Abort(), 130, "pcapaudit: interrupted\n"),
    ],
)
def test_every_ending_has_its_status_and_its_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    told: str,
) -> None:
    monkeypatch.setattr(cli.program, "main", fail_with(error))
    assert cli.run([]) == status
    assert capsys.readouterr().err.endswith(told)


def test_a_fault_of_our_own_is_one_line_that_says_where_to_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PCAPAUDIT_DEBUG", raising=False)
    monkeypatch.setattr(cli.program, "main", fail_with(ZeroDivisionError("x")))
    assert cli.run([]) == 2
    told = capsys.readouterr().err
    assert told.startswith("pcapaudit: unexpected ZeroDivisionError: x. This is a fault of pcapaudit")
    assert told.count("\n") == 1


def test_the_debug_variable_shows_the_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PCAPAUDIT_DEBUG", "1")
    monkeypatch.setattr(cli.program, "main", fail_with(ZeroDivisionError("x")))
    cli.run([])
    assert "Traceback" in capsys.readouterr().err


@pytest.fixture
def collector() -> Iterator[None]:
    """Gives the other tests their collector back."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.parametrize(
    ("typed", "meant"), [("audti", "audit"), ("explian", "explain"), ("how-to-captur", "how-to-capture")]
)
def test_a_misspelt_command_is_answered_with_the_nearest(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([typed]) == 2
    assert f"No such command '{typed}'. Did you mean {meant}?" in capsys.readouterr().err


def test_what_the_system_refuses_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.program, "main", fail_with(PermissionError(errno.EACCES, "Permission denied", "a/b")))
    assert cli.run([]) == 2
    assert capsys.readouterr().err == "pcapaudit: the system refuses to go on: a/b: Permission denied\n"


@pytest.mark.parametrize("command", ["audit", "flows", "explain", "doctor"])
def test_a_full_disk_behind_standard_output_is_said_in_one_line(command: str) -> None:
    words = [command, BLINKING] if command in ("audit", "flows") else [command]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pcapaudit", *words], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.stderr == b"pcapaudit: cannot write the result: No space left on device\n"
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("closed", "source", "status"),
    [("<&-", "-", 2), (">&-", BLINKING, 1), ("2>&-", BLINKING, 1), ("<&- >&- 2>&-", "-", 2)],
)
def test_a_stream_that_the_caller_closed_holds_nothing_and_takes_everything(
    closed: str, source: str, status: int
) -> None:
    words = ["sh", "-c", f'exec "$0" -m pcapaudit audit "$1" {closed}', sys.executable, source]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "fault of pcapaudit" not in done.stderr


@pytest.mark.usefixtures("collector")
def test_main_leaves_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.program, "main", lambda *_args, **_options: 3)
    with pytest.raises(SystemExit) as left:
        cli.main([])
    assert left.value.code == 3


@pytest.mark.parametrize("args", [["no-such-command"], ["audit"], ["completion", "tcsh"]])
def test_wrong_usage_gives_two(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(args) == 2
    assert "Usage:" in capsys.readouterr().err


def test_a_reader_that_closed_the_pipe_is_no_error() -> None:
    code = (
        "import sys; from pcapaudit.cli.main import run; from pcapaudit.cli.output import write_result;"
        "write_result(('x' * 1000 for _ in range(10_000)), None); sys.exit(run(['--help']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0


@pytest.mark.usefixtures("collector")
def test_a_command_runs_without_the_collector_of_circular_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "run", lambda _args: 3 if gc.isenabled() else 0)
    with pytest.raises(SystemExit) as ended:
        cli.main(["audit"])
    assert ended.value.code == 0
