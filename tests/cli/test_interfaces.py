from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.capture.capturer import Capturer
from pcapaudit.cli import interfaces
from pcapaudit.cli.main import run

PROGRAM = Path("/bin/sh")


def stand_in(monkeypatch: pytest.MonkeyPatch, program: Capturer | None) -> None:
    monkeypatch.setattr(interfaces, "find_capturer", lambda: program)
    monkeypatch.setattr(interfaces, "ask_interfaces", lambda _program: "1. any\t\t\t0\t\tnetwork\t\n")


def test_the_interfaces_are_listed_and_that_this_user_may_capture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, Capturer("dumpcap", PROGRAM))
    assert run(["interfaces"]) == 0
    told = capsys.readouterr()
    assert told.out == "any  -        -\n"
    assert told.err == "this user may capture, with /bin/sh: pcapaudit live -i NAME\n"


def test_a_lacking_privilege_is_one_line_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, Capturer("dumpcap", PROGRAM, lack="no right: sudo setcap it"))
    assert run(["interfaces"]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("any")
    assert told.err == "this user may not capture yet: no right: sudo setcap it\n"


def test_without_a_program_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, None)
    assert run(["interfaces"]) == 2
    assert "sudo apt install wireshark-common" in capsys.readouterr().err
