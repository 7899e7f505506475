"""Conditions on packets in words: ``tcp.syn and not tcp.ack``, ``ip.addr == "10.0.0.5" and tcp.port in (443, 4321)``.

The names are those of Wireshark's display filters where these have one; and, or, not, comparisons and parentheses as in
Python, whose parser reads them. Nothing else is allowed, and nothing is run.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapaudit.engine.packets import Keep, Packets
from pcapaudit.model.errors import UsageError

Mask = npt.NDArray[np.bool_]
MAX_LENGTH = 2000


def _flag(bit: int) -> Callable[[Packets], tuple[Any, ...]]:
    return lambda p: ((p.flags >= 0) & ((p.flags & bit) != 0),)


def _is(proto: str) -> Callable[[Packets], tuple[Any, ...]]:
    return lambda p: (p.proto == proto,)


def _of(proto: str, *names: str) -> Callable[[Packets], tuple[Any, ...]]:
    """Columns of packets of one protocol; -1 for all others."""
    return lambda p: tuple(np.where(p.proto == proto, getattr(p, name), -1) for name in names)


FIELDS: Mapping[str, Callable[[Packets], tuple[Any, ...]]] = {
    "frame.number": lambda p: (p.frame,),
    "eth.src": lambda p: (p.smac,),
    "eth.dst": lambda p: (p.dmac,),
    "eth.addr": lambda p: (p.smac, p.dmac),
    "vlan.id": lambda p: (p.vlan,),
    "ip.src": lambda p: (p.src,),
    "ip.dst": lambda p: (p.dst,),
    "ip.addr": lambda p: (p.src, p.dst),
    "ip.len": lambda p: (p.ip_len,),
    "ip.ttl": lambda p: (p.ttl,),
    "ip.id": lambda p: (p.ip_id,),
    "icmp": _is("icmp"),
    "udp": _is("udp"),
    "udp.port": _of("udp", "sport", "dport"),
    "udp.srcport": _of("udp", "sport"),
    "udp.dstport": _of("udp", "dport"),
    "udp.len": _of("udp", "payload_len"),
    "tcp": _is("tcp"),
    "tcp.port": _of("tcp", "sport", "dport"),
    "tcp.srcport": _of("tcp", "sport"),
    "tcp.dstport": _of("tcp", "dport"),
    "tcp.len": _of("tcp", "payload_len"),
    "tcp.seq": lambda p: (p.seq,),
    "tcp.window": lambda p: (p.window,),
    "tcp.fin": _flag(0x01),
    "tcp.syn": _flag(0x02),
    "tcp.rst": _flag(0x04),
    "tcp.psh": _flag(0x08),
    "tcp.ack": _flag(0x10),
}
"""Name -> its values. A name with two of them holds where one of them does, ``!=`` where none is equal.

``ip`` means both families: ``ip.ttl`` is the hop limit of IPv6, too.
"""
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def read_condition(text: str) -> Keep:
    """The condition that a text says.

    Args:
        text: See the head of this module. Addresses stand in quotes.

    Raises:
        UsageError: It is none; says where and which names there are.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"a condition has at most {MAX_LENGTH} characters, this one {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" at character {error.offset}" if isinstance(error, SyntaxError) else ""
        raise UsageError(f"the condition {text!r} cannot be read{where}; addresses stand in quotes") from None
    return _condition(tree)


def _condition(node: ast.expr) -> Keep:
    if isinstance(node, ast.BoolOp):
        parts = [_condition(part) for part in node.values]
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return lambda p: join.reduce([part(p) for part in parts])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _condition(node.operand)
        return lambda p: ~inner(p)
    if isinstance(node, ast.Compare):
        return _comparison(node)
    values = _field(node)
    return lambda p: np.logical_or.reduce([_truth(column) for column in values(p)])


def _comparison(node: ast.Compare) -> Keep:
    if len(node.ops) != 1:
        raise UsageError(f"compare with one value at a time, not {ast.unparse(node)!r}")
    values, sign, wanted = _field(node.left), node.ops[0], _constant(node.comparators[0])
    if isinstance(sign, ast.In | ast.NotIn):
        listed = list(wanted) if isinstance(wanted, tuple) else [wanted]
        found: Keep = lambda p: np.logical_or.reduce([np.isin(c, listed) for c in values(p)])  # noqa: E731
        return found if isinstance(sign, ast.In) else lambda p: ~found(p)
    compare = _COMPARE.get(type(sign))
    if compare is None or isinstance(wanted, tuple) or (isinstance(sign, _ORDERED) and isinstance(wanted, str)):
        raise UsageError(f"{ast.unparse(node)!r} compares what cannot be compared")
    join = np.logical_and if isinstance(sign, ast.NotEq) else np.logical_or
    is_ordered = isinstance(sign, _ORDERED)
    return lambda p: join.reduce([_known(c, is_ordered=is_ordered) & compare(c, wanted) for c in values(p)])


def _known(column: Any, *, is_ordered: bool) -> Any:
    """Where an order has a meaning: numbers that are there."""
    if not is_ordered:
        return np.True_
    return np.zeros(len(column), bool) if column.dtype == object else column >= 0


def _truth(column: Any) -> Mask:
    """A name alone: the flag itself, or whether the value is there."""
    if column.dtype == bool:
        return column  # type: ignore[no-any-return]
    return np.array([value is not None for value in column], bool) if column.dtype == object else column >= 0


def _field(node: ast.expr) -> Callable[[Packets], tuple[Any, ...]]:
    name = ast.unparse(node)
    if name not in FIELDS:
        raise UsageError(f"there is no field {name!r}; known are: {', '.join(FIELDS)}")
    return FIELDS[name]


def _constant(node: ast.expr) -> int | str | tuple[int | str, ...]:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        value = None
    if isinstance(value, list | set):
        value = tuple(value)
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, int | str) for part in parts):
        raise UsageError(f"{ast.unparse(node)!r} is no value; expected a number, a text in quotes, or some in brackets")
    return value  # type: ignore[no-any-return]
