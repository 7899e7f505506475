"""``pcapaudit signatures lint``: everything that is wrong with a folder of signatures, at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from pcapaudit.catalog.document import Problem
from pcapaudit.catalog.load import HOW_TO_NAME, NONE_HERE, list_files
from pcapaudit.catalog.read import read_signature
from pcapaudit.catalog.schema import Signature
from pcapaudit.model.errors import SignatureError

__all__ = ["Problem", "lint"]


def lint(directory: Path, *, rules: Collection[str] | None = None) -> list[Problem]:
    """Check every signature file of a folder.

    Args:
        directory: Folder with one folder per vendor. Where it is part of a checkout, the captures that a
            file names as examples must exist there.
        rules: Ids of all rules there are; None leaves the ids in remedies and examples unchecked.

    Returns:
        All problems by file, line and column; empty when there is nothing to say. Nothing is raised.
    """
    try:
        paths = list_files(directory)
    except SignatureError as error:
        return [Problem(error.file, error.line, error.column, error.reason, error.hint)]
    problems = list(_find_misplaced(directory))
    for path in paths:
        signature, faults = read_signature(path)
        problems += faults
        if signature is not None:
            problems += _check_examples(signature, path, directory)
            problems += _check_rules(signature, path, rules)
    if not paths and not problems:
        problems.append(Problem(str(directory), 1, 1, NONE_HERE, HOW_TO_NAME))
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


def _find_misplaced(directory: Path) -> Iterator[Problem]:
    """Files that look like signatures and that nobody will read."""
    for pattern, hint in (
        ("*.yaml", "move it into its vendor's folder"),
        ("*/*.yml", "end its name with .yaml"),
        ("*/*/**/*.yaml", "put it directly into its vendor's folder"),
    ):
        for path in sorted(directory.glob(pattern)):
            yield Problem(str(path), 1, 1, "this file is not read", hint)


def _check_examples(signature: Signature, path: Path, directory: Path) -> Iterator[Problem]:
    checkout = directory.resolve().parent
    if not (checkout / "samples").is_dir():
        return
    for example in signature.examples:
        if not (checkout / example.capture).is_file():
            yield _at(path, example.capture, f"there is no capture {example.capture}")


def _check_rules(signature: Signature, path: Path, rules: Collection[str] | None) -> Iterator[Problem]:
    if rules is None:
        return
    named = [name for name in signature.remedies if name.isupper()]
    named += [rule for example in signature.examples for rule in example.finds]
    for name in dict.fromkeys(named):
        if name not in rules:
            yield _at(path, name, f"there is no rule {name}", "see pcapaudit explain")


def _at(path: Path, word: str, message: str, hint: str | None = None) -> Problem:
    """A problem at the first line that holds the word."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if word in line:
            return Problem(str(path), number, line.index(word) + 1, message, hint)
    return Problem(str(path), 1, 1, message, hint)
