from __future__ import annotations

import pytest

from pcapaudit.cli import explain
from pcapaudit.cli.main import run
from pcapaudit.diagnose.explain import Entry
from pcapaudit.model.errors import UsageError

BODY = """**Seen**: one or more SYN from the originator,
nothing from the responder.
**Means**: a firewall drops the SYN.

A last remark.
"""
RULE = Entry(
    "TCP-SYN-TIMEOUT",
    "The device opens a connection and no packet comes back",
    "stage connect, says failed, note, at most error",
    BODY,
)


def look_up(rule_id: str) -> Entry:
    if rule_id != RULE.id:
        raise UsageError(f"there is no rule {rule_id!r}; did you mean {RULE.id}?")
    return RULE


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "find_entry", look_up)
    monkeypatch.setattr(explain, "all_entries", lambda: (RULE,))


def test_a_rule_is_printed_with_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "TCP-SYN-TIMEOUT"]) == 0
    assert capsys.readouterr().out == (
        "TCP-SYN-TIMEOUT: The device opens a connection and no packet comes back\n"
        "stage connect, says failed, note, at most error\n"
        "\nSeen\n  one or more SYN from the originator, nothing from the responder.\n"
        "\nMeans\n  a firewall drops the SYN.\n"
        "\n  A last remark.\n"
    )


def test_without_a_rule_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"]) == 0
    assert capsys.readouterr().out.startswith("TCP-SYN-TIMEOUT             The device opens")


def test_a_misspelt_rule_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "TCP-SIN-TIMEOUT"]) == 2
    assert "did you mean TCP-SYN-TIMEOUT?" in capsys.readouterr().err
