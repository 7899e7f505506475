from __future__ import annotations

import pytest

from pcapaudit.model import cython_stub


def test_the_stand_in_says_that_nothing_is_compiled() -> None:
    assert cython_stub.compiled is False


@pytest.mark.parametrize("decorate", [cython_stub.cclass, cython_stub.cfunc, cython_stub.inline, cython_stub.final])
def test_a_bare_decorator_leaves_its_function_alone(decorate: object) -> None:
    assert callable(decorate)
    assert decorate(len) is len


@pytest.mark.parametrize("set_up", [cython_stub.boundscheck, cython_stub.wraparound, cython_stub.cdivision])
def test_a_decorator_with_a_setting_leaves_its_function_alone(set_up: object) -> None:
    assert callable(set_up)
    assert set_up(False)(len) is len


def test_a_cast_gives_the_value_itself() -> None:
    value = b"\x01\x02"
    assert cython_stub.cast(cython_stub.p_uchar, value) is value


def test_a_declaration_is_taken_in_every_form() -> None:
    cython_stub.declare(cython_stub.longlong, size=cython_stub.uint)
    assert cython_stub.longlong is int
