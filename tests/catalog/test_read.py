from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.catalog import load_signatures
from pcapaudit.catalog.read import read_signature
from pcapaudit.model.errors import SignatureError
from tests.catalog.material import SMALL, write


def place_of(text: str, word: str) -> tuple[int, int]:
    """Line and column of the first occurrence of a word, both from 1."""
    before = text[: text.index(word)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


FAULTS: list[tuple[str, str, str, str, str]] = [
    # what stands there, what is written instead, the word at the faulty place, message, hint
    ("vendor: Acme", "vendr: Acme", "vendr", "unknown key 'vendr'", "did you mean vendor?"),
    ("what: cloud", "waht: cloud", "waht", "unknown key 'waht'", "did you mean what?"),
    ("tcp: 8443}, {", "tpc: 8443}, {", "tpc", "unknown key 'tpc'", "tcp"),
    ("hosts: box.acme.example", "hosts: box.*.example", "box.*.example", "a star in the middle", "whole labels"),
    ("tcp: 8443}, {", "tcp: 99999}, {", "99999", "port 99999 is outside 1–65535", ""),
    ("range: 9000-9099", "range: 9099-9000", "9099-9000", "runs backwards", "write 9000-9099"),
    ("id: ACM-01", "id: acm1", "acm1", "'acm1' is no fact id", "SEN-05"),
    ("  - id: ACM-01\n    what", "  - what", "what: cloud", "the key 'id' is missing", ""),
    ("from: ACM-04", "from: [ACM-04, nope]", "nope", "'nope' is no fact id", "SEN-05"),
    ("failed: dhcp", "failed: dchp", "dchp", "'dchp' is not allowed here", "did you mean dhcp?"),
    ("when: always", "when: allways", "allways", "'allways' is not allowed here", "did you mean always?"),
    ("dhcp: required", "dhcp: requierd", "requierd", "'requierd' is not allowed here", "did you mean required?"),
    ("tcp: app_port", "tcp: app_prot", "app_prot", "there is no parameter 'app_prot'", "did you mean app_port?"),
    ("needs:\n", "needs: none\nneedz:\n", "none", "expected a list, found the text 'none'", ""),
    ("hosts: box.acme.example", "hosts:", "\n    when: always", "expected text, found nothing", ""),
    ("paper: {title: Box on the net, dated: not stated}", "paper: here", "here", "expected a mapping", ""),
    ("schema: 1", "schema: 2", "2", "'2' is not allowed here", "known are: 1"),
    ("  connect:", "  conect:", "conect", "neither a rule id nor a stage", "did you mean connect?"),
    ("vendor: Acme", "vendor: Acme\nvendor: Other", "vendor: Other", "the key 'vendor' stands here twice", "line 2"),
    ("vendor: Acme", "vendor: [Acme", ": Box", "no YAML: ", ""),
]


@pytest.mark.parametrize(("old", "new", "word", "message", "hint"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_a_fault_is_told_with_its_place_and_what_to_write(
    tmp_path: Path, old: str, new: str, word: str, message: str, hint: str
) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    path = write(tmp_path, text)
    signature, problems = read_signature(path)
    assert signature is None
    told = [p for p in problems if message in p.message]
    assert told, [str(p) for p in problems]
    assert hint in (told[0].hint or "")
    assert (told[0].line, told[0].column) == place_of(text, word)


def test_all_problems_of_a_file_are_told_together_and_the_first_is_raised(tmp_path: Path) -> None:
    text = SMALL.replace("vendor: Acme", "vendor: Acme\nvendor: B").replace("id: ACM-01", "id: x")
    text = text.replace("when: always", "when: often")
    path = write(tmp_path, text)
    _, problems = read_signature(path)
    assert [p.line for p in problems] == sorted({place_of(text, w)[0] for w in ("vendor: B", "id: x", "when: often")})
    with pytest.raises(SignatureError) as caught:
        load_signatures(tmp_path)
    error = caught.value
    assert (error.file, error.line, error.column) == (str(path), problems[0].line, problems[0].column)
    assert (error.reason, error.hint) == (problems[0].message, problems[0].hint)


@pytest.mark.parametrize("name", ["Acme/box.yaml", "acme/my box.yaml", "acme/box_2.yaml"])
def test_a_name_that_makes_no_id_is_refused(tmp_path: Path, name: str) -> None:
    _, problems = read_signature(write(tmp_path, SMALL, name))
    assert ["cannot be part of an id" in p.message for p in problems] == [True]


def test_a_file_that_cannot_be_read_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "acme" / "box.yaml").mkdir(parents=True)
    _, problems = read_signature(tmp_path / "acme" / "box.yaml")
    assert [p.message.startswith("cannot be read") for p in problems] == [True]
