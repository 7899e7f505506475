from __future__ import annotations

from pathlib import Path

from pcapaudit.catalog import lint
from tests.catalog.material import SMALL, write

WITH_EXAMPLE = SMALL + "examples:\n  - {capture: samples/box.pcap, finds: [DNS-NO-REPLY]}\n"


def test_a_sound_folder_has_no_problems(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    assert lint(tmp_path) == []


def test_problems_of_all_files_come_together_in_order(tmp_path: Path) -> None:
    second = write(tmp_path, SMALL.replace("when: always", "when: x").replace("vendor:", "vendro:"), "b/b.yaml")
    first = write(tmp_path, SMALL.replace("dhcp: required", "dhcp: x"), "a/a.yaml")
    found = [(p.file, p.line) for p in lint(tmp_path)]
    assert found[0] == (str(first), 8)
    assert {file for file, _ in found[1:]} == {str(second)}
    assert found == sorted(found)


def test_a_file_at_the_wrong_place_is_told(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    misplaced = {str(write(tmp_path, SMALL, name)) for name in ("top.yaml", "acme/box.yml", "acme/x/deep.yaml")}
    problems = lint(tmp_path)
    assert {p.file for p in problems} == misplaced
    assert all(p.message == "this file is not read" and p.hint for p in problems)


def test_an_empty_or_missing_folder_is_a_problem(tmp_path: Path) -> None:
    assert [p.message for p in lint(tmp_path)] == ["no signature in here"]
    assert [p.message for p in lint(tmp_path / "gone")] == ["there is no such folder of signatures"]


def test_inside_a_checkout_the_captures_of_examples_must_exist(tmp_path: Path) -> None:
    folder = tmp_path / "signatures"
    write(folder, WITH_EXAMPLE)
    assert lint(folder) == [], "without samples beside it nothing can be said"
    (tmp_path / "samples").mkdir()
    (problem,) = lint(folder)
    assert problem.message == "there is no capture samples/box.pcap"
    assert (problem.line, problem.column) == (WITH_EXAMPLE.count("\n"), 15)
    (tmp_path / "samples" / "box.pcap").touch()
    assert lint(folder) == []


def test_rule_ids_are_held_against_the_rules_there_are(tmp_path: Path) -> None:
    write(tmp_path, WITH_EXAMPLE.replace("  connect:", "  TCP-SYN-TIMEUOT:"))
    assert lint(tmp_path) == []
    messages = [p.message for p in lint(tmp_path, rules={"TCP-SYN-TIMEOUT"})]
    assert messages == ["there is no rule TCP-SYN-TIMEUOT", "there is no rule DNS-NO-REPLY"]
