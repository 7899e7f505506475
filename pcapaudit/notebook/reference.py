"""The reference of the analyst's door, in Markdown, from signatures and docstrings alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from pcapaudit.notebook.capture import Capture, Device, read
from pcapaudit.notebook.dissected import Dissected
from pcapaudit.notebook.evidence import Evidence
from pcapaudit.notebook.many import Captures, read_many, read_parquet

_HEAD = """\
# Reference

What `import pcapaudit` offers to analysts. [Jupyter](notebook.md) is the introduction, [Tables](tables.md) lists the
columns. This page is made from the code, by `python -m pcapaudit.notebook`.
"""
_PARTS = {"Args:": "Arguments", "Returns:": "Gives", "Raises:": "Errors"}
FUNCTIONS = (read, read_many, read_parquet)
CLASSES = (Capture, Device, Captures, Evidence, Dissected)


def write_reference() -> str:
    """The page as Markdown."""
    functions = (line for function in FUNCTIONS for line in _function(f"pcapaudit.{function.__name__}", function, 2))
    classes = (line for each in CLASSES for line in _class(each))
    return "\n".join([_HEAD, *functions, *classes])


def _class(each: type[Any]) -> Iterator[str]:
    yield f"## {each.__name__}\n"
    yield f"{_first_part(each)}\n"
    members = {name: member for name, member in vars(each).items() if not name.startswith("_")}
    properties = {name: member for name, member in members.items() if not inspect.isfunction(member)}
    if properties:
        yield "| | |"
        yield "|---|---|"
        yield from (f"| `.{name}` | {_line(member)} |" for name, member in properties.items())
        yield ""
    for name, member in members.items():
        if inspect.isfunction(member):
            yield from _function(f".{name}", member, 3)


def _function(name: str, function: Callable[..., Any], level: int) -> Iterator[str]:
    yield f"{'#' * level} `{name}{_parameters(function)}`\n"
    yield f"{_prose(inspect.getdoc(function) or '')}\n"


def _parameters(function: Callable[..., Any]) -> str:
    """The parameters without their types, which the prose tells."""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]
    return str(inspect.Signature(plain))


def _prose(docstring: str) -> str:
    """A docstring as Markdown: its lists of arguments and errors as such, its examples as code."""
    lines: list[str] = []
    is_example = False
    for line in docstring.splitlines():
        is_example = bool(line) and (is_example or line.startswith(">>>"))
        is_item = line.startswith("    ") and not line.startswith("     ")
        if line in _PARTS:
            lines += [f"*{_PARTS[line]}*", ""]
        elif is_example:
            lines.append(f"    {line}")
        elif is_item and ": " in line:
            name, _, text = line.strip().partition(": ")
            lines.append(f"- `{name}`: {text}")
        elif line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines).replace("``", "`").strip()


def _first_part(each: type[Any]) -> str:
    """What a class is, without how it is made, which is no business of a caller."""
    return (inspect.getdoc(each) or "").split("\nArgs:")[0].strip().replace("``", "`")


def _line(member: Any) -> str:
    docstring = inspect.getdoc(member) or ""
    return docstring.splitlines()[0].replace("``", "`").replace("|", "\\|") if docstring else ""
