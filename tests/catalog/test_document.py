from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.catalog.document import MAX_BYTES, Place, Problem, parse

PLAIN = b"a: no\nb: [22:22, 010]\nc:\n  d: 2016-08-30\n"


def test_every_scalar_stays_the_text_that_was_written() -> None:
    document = parse(PLAIN, "f")
    assert document.problems == []
    assert document.tree == {"a": "no", "b": ["22:22", "010"], "c": {"d": "2016-08-30"}}


def test_keys_and_values_know_where_they_stand() -> None:
    document = parse(PLAIN, "f")
    assert document.keys["c", "d"] == Place(4, 3)
    assert document.place_of(("c", "d")) == Place(4, 6)
    assert document.place_of(("b", 1)) == Place(2, 12)
    assert document.place_of_key(("b",)) == Place(2, 1)


def test_the_place_of_something_missing_is_that_of_what_surrounds_it() -> None:
    document = parse(PLAIN, "f")
    assert document.place_of(("c", "gone", 3)) == document.place_of(("c",)) == Place(4, 3)
    assert document.place_of_key(("gone",)) == Place(1, 1)


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"a: 1\nb: 2\na: 3\n", (3, 1), "the key 'a' stands here twice (the first is in line 1)"),
        (b"x:\n  - {a: 1, a: 2}\n", (2, 12), "the key 'a' stands here twice"),
        (b"a: [1, 2\nb: 3\n", (2, 2), "no YAML: "),  # the colon cannot follow in a list
        (b"a: b: c\n", (1, 5), "no YAML: mapping values are not allowed here (put text that contains a colon"),
        (b"a:\n\t- b\n", (2, 1), "indent with spaces, not with tabs"),
        (b"a: &x [1]\nb: *x\n", (1, 4), "anchors and aliases are no part of the format"),
        (b"a: !!python/object:os.system x\n", (1, 4), "is no part of the format (leave it out)"),
        (b"", (1, 1), "the file is empty"),
        (b"# nothing\n", (1, 1), "the file is empty"),
        (b"- a\n- b\n", (1, 1), "a signature is a mapping"),
        (b"a: 1\n---\nb: 2\n", (2, 1), "no YAML: "),
        (b"[a, b]: c\n", (1, 1), "a key must be plain text"),
        (b"a: 1\nb: \xff\n", (2, 4), "the file is not UTF-8 text"),
        (b"a: 1\nb: x\x07\n", (2, 5), "the character U+0007 is not allowed"),
        (b"a: " + b"[" * 40 + b"]" * 40, (1, 27), "more than 24 levels inside each other"),
    ],
)
def test_what_is_no_plain_yaml_is_told_with_its_place(data: bytes, place: tuple[int, int], message: str) -> None:
    problems = parse(data, "acme/box.yaml").problems
    assert (problems[0].line, problems[0].column) == place
    assert message in str(problems[0])


def test_every_double_key_of_a_file_is_told() -> None:
    assert [p.line for p in parse(b"a: 1\na: 2\nb: 1\nb: 2\n", "f").problems] == [2, 4]


def test_a_few_lines_of_aliases_do_not_grow() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    document = parse("\n".join(lines).encode(), "f")
    assert document.problems
    assert document.tree == ""


def test_a_file_that_is_no_signature_by_its_size_is_not_read() -> None:
    document = parse(b"a" * (MAX_BYTES + 1), "f")
    assert [p.message for p in document.problems] == [f"the file has more than {MAX_BYTES} bytes"]


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\n", "f").tree == {"a": "1"}


@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}#&*! \n\t'\"|>", max_size=80).map(str.encode)))
def test_any_bytes_give_a_tree_or_a_problem(data: bytes) -> None:
    document = parse(data, "f")
    assert bool(document.problems) or isinstance(document.tree, dict)


def test_a_problem_reads_like_a_compiler_message() -> None:
    assert str(Problem("acme/box.yaml", 3, 7, "port 0", "1–65535")) == "acme/box.yaml:3:7: port 0 (1–65535)"
    assert str(Problem("acme/box.yaml", 3, 7, "port 0")) == "acme/box.yaml:3:7: port 0"
