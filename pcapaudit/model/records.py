"""Data classes that are quick to define.

The program defines two hundred of them before it reads a byte, and ``dataclasses`` writes and compiles six functions
for each. Here all share theirs; a constructor is compiled once for each number of fields. What comes out is a data
class to all that look at it: ``fields``, ``replace``, pattern matching, type checkers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as make_plain
from functools import cache, partial
from operator import attrgetter
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Never

__all__ = ["dataclass"]


def _define(*, frozen: bool = False, slots: bool, kw_only: bool = False) -> Callable[[type], type]:
    """As ``dataclasses.dataclass`` for classes with slots; every field is an argument, is compared and shown.

    Args:
        frozen: Instances cannot be changed, and have a hash.
        slots: True always; it stands here because type checkers ask for it.
        kw_only: Arguments are given by name.
    """
    assert slots  # noqa: S101 - a slip of ours, found at import

    def define(raw: type) -> type:
        if raw.__doc__ is None:
            # Else the standard library puts a signature in its place, and compiles the grammar of tokens for it.
            raw.__doc__ = raw.__name__
        made: Any = make_plain(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(raw)
        made.__init__ = _make_init(made)
        for name, method in (_compare(made) | (_FROZEN | _carry(made) if frozen else _OPEN)).items():
            if name not in raw.__dict__:
                setattr(made, name, method)
        return made  # type: ignore[no-any-return]  # any class

    return define


def _make_init(made: type) -> FunctionType:
    """The constructor; it writes through the slots themselves, which is quicker than setting attributes by name."""
    known = sorted(fields(made), key=lambda field: bool(field.kw_only))
    places = [field for field in known if not field.kw_only]
    code = _write_init(len(known)).replace(
        co_varnames=("self", *(field.name for field in known)),
        co_argcount=1 + len(places),
        co_kwonlyargcount=len(known) - len(places),
    )
    setters = [CellType(_setter(made, field)) for field in known]
    cells = tuple(setters[int(name.removeprefix("set_"))] for name in code.co_freevars)
    init = FunctionType(code, sys.modules[made.__module__].__dict__, "__init__", _defaults(places), cells)
    init.__kwdefaults__ = {f.name: value for f in known[len(places) :] for value in _defaults([f])}
    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in known} | {"return": None}
    return init


@cache
def _write_init(count: int) -> CodeType:
    """The code of a constructor for so many fields; the names of its arguments are put in by the caller."""
    setters = [f"set_{number}" for number in range(count)]
    names = [f"field_{number}" for number in range(count)]
    body = [f"  {setter}(self, {name})" for setter, name in zip(setters, names, strict=True)] or ["  pass"]
    lines = [f"def create({', '.join(setters)}):", f" def init({', '.join(['self', *names])}):", *body, " return init"]
    found: dict[str, Any] = {}
    exec("\n".join(lines), found)  # noqa: S102 - as dataclasses does; nothing from outside is in it
    init: FunctionType = found["create"](*setters)
    return init.__code__


def _setter(made: type, field: Field[Any]) -> Callable[[Any, Any], None]:
    write: Callable[[Any, Any], None] = getattr(made, field.name).__set__
    if field.default_factory is MISSING:
        return write
    make = field.default_factory
    return lambda record, value: write(record, make() if value is MISSING else value)


def _defaults(known: Sequence[Field[Any]]) -> tuple[Any, ...]:
    """Default values of those fields that have one; ``MISSING`` stands for one that is made anew each time."""
    return tuple(f.default for f in known if f.default is not MISSING or f.default_factory is not MISSING)


def _compare(made: type) -> dict[str, Any]:
    """The methods that compare all fields with those of another instance."""
    names = [field.name for field in fields(made)]
    values: Callable[[Any], Any] = attrgetter(*names) if names else _read_nothing

    def is_equal(self: Any, other: Any) -> Any:
        return values(self) == values(other) if type(self) is type(other) else NotImplemented

    def make_hash(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": is_equal, "__hash__": make_hash}


def _read_nothing(_record: object) -> tuple[()]:
    return ()


def _show(self: Any) -> str:
    shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
    return f"{type(self).__qualname__}({shown})"


def _refuse_change(_self: object, name: str, _value: object) -> Never:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_removal(_self: object, name: str) -> Never:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _carry(made: type) -> dict[str, Any]:
    """How instances are pickled: as a call of the constructor, since two processes exchange them by the thousand."""
    known = fields(made)
    places = [field.name for field in known if not field.kw_only]
    by_name = [field.name for field in known if field.kw_only]
    # Of one name it gives no tuple.
    several = attrgetter(*places) if len(places) > 1 else None

    def reduce(self: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        make = partial(made, **{name: getattr(self, name) for name in by_name}) if by_name else made
        return make, several(self) if several else tuple(getattr(self, name) for name in places)

    return {"__reduce__": reduce}


_FROZEN: dict[str, Any] = {
    "__repr__": _show,
    "__setattr__": _refuse_change,
    "__delattr__": _refuse_removal,
}
_OPEN: dict[str, Any] = {"__repr__": _show, "__hash__": None}

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _define
