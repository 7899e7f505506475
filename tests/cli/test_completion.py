from __future__ import annotations

import pytest

from pcapaudit.cli.main import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_PCAPAUDIT_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pcapaudit ex", "explain"),
        ("pcapaudit audit --sig", "--signature"),
        ("pcapaudit audit --signature sens", "sensorist/gateway"),
        ("pcapaudit signatures show tek", "tek/pool-ems"),
        ("pcapaudit how-to-capture sk", "skala/ipad"),
        ("pcapaudit explain tcp-syn-t", "TCP-SYN-TIMEOUT"),
    ],
)
def test_commands_options_and_what_they_take_are_completed(
    words: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_PCAPAUDIT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert run(None) == 0
    assert expected in capsys.readouterr().out
