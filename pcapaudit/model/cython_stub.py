"""Stand-in for the ``cython`` module where a compiled file runs interpreted and Cython is not installed.

It knows the names that our compiled files use, and gives them the meaning that plain Python has: every integer type
is ``int``, a pointer is whatever can be indexed, a decorator leaves its function alone. Type checkers read it, too.
"""

# ruff: noqa: PYI042 - the types carry the names that Cython gives them
from __future__ import annotations

import builtins
import contextlib
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

Anything = TypeVar("Anything")

compiled = False

nogil = contextlib.nullcontext()
"""Other threads may run meanwhile: when interpreted, Python sees to that."""

char: TypeAlias = builtins.int
uchar: TypeAlias = builtins.int
short: TypeAlias = builtins.int
ushort: TypeAlias = builtins.int
int: TypeAlias = builtins.int  # noqa: A001 - the name that Cython gives it
uint: TypeAlias = builtins.int
long: TypeAlias = builtins.int
ulong: TypeAlias = builtins.int
longlong: TypeAlias = builtins.int
ulonglong: TypeAlias = builtins.int
size_t: TypeAlias = builtins.int
Py_ssize_t: TypeAlias = builtins.int
bint: TypeAlias = builtins.bool
double: TypeAlias = builtins.float
void: TypeAlias = None

p_uchar: TypeAlias = Any
p_ushort: TypeAlias = Any
p_int: TypeAlias = Any
p_uint: TypeAlias = Any
p_longlong: TypeAlias = Any
p_ulonglong: TypeAlias = Any


def cclass(thing: Anything) -> Anything:
    """Leave a class as it is."""
    return thing


def cfunc(thing: Anything) -> Anything:
    """Leave a function as it is."""
    return thing


def inline(thing: Anything) -> Anything:
    """Leave a function as it is."""
    return thing


def final(thing: Anything) -> Anything:
    """Leave a class or method as it is."""
    return thing


def boundscheck(_is_on: bool) -> Callable[[Anything], Anything]:  # noqa: FBT001 - Cython's own signature
    """Take a setting of the compiler; Python checks always."""
    return final


def wraparound(_is_on: bool) -> Callable[[Anything], Anything]:  # noqa: FBT001 - Cython's own signature
    """Take a setting of the compiler; in Python a negative index always counts from the end."""
    return final


def cdivision(_is_on: bool) -> Callable[[Anything], Anything]:  # noqa: FBT001 - Cython's own signature
    """Take a setting of the compiler; Python's division always rounds down."""
    return final


def declare(*types: Any, **names: Any) -> None:
    """Take a declaration of C variables, which plain Python does not need."""
    del types, names


def cast(type_: Any, value: Any) -> Any:
    """Give ``value`` back: a cast has no meaning without C types."""
    del type_
    return value
