from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.model.marks import Marks, TimelineMark
from pcapaudit.model.report import TimelineLane
from pcapaudit.model.times import rfc3339
from pcapaudit.model.words import MarkKind, Stage
from pcapaudit.report.escape import clean, make_ascii
from pcapaudit.report.serialize import serialize

MOMENTS = st.lists(
    st.tuples(st.integers(0, 2**62).map(rfc3339), st.integers(1, 2**40), st.sampled_from(MarkKind)), max_size=8
)


@given(MOMENTS)
def test_they_are_equal_to_a_tuple_of_the_same(moments: list[tuple[str, int, MarkKind]]) -> None:
    marks, expected = Marks(moments), tuple(TimelineMark(*moment) for moment in moments)

    assert marks == expected
    assert (hash(marks), repr(marks), len(marks)) == (hash(expected), repr(expected), len(expected))
    assert [marks[i] for i in range(-len(marks), len(marks))] == [*expected, *expected]
    assert marks[1:] == expected[1:]
    assert bool(marks) == bool(expected)
    assert marks == Marks(moments) == pickle.loads(pickle.dumps(marks))
    assert marks != Marks([*moments, (rfc3339(0), 1, MarkKind.ASKED)])
    assert marks != list(expected)


@given(MOMENTS)
def test_they_are_written_as_a_tuple_of_the_same(moments: list[tuple[str, int, MarkKind]]) -> None:
    own = TimelineLane(Stage.DNS, "x", Marks(moments), 0)
    plain = TimelineLane(Stage.DNS, "x", tuple(own.marks), 0)

    assert own == plain
    assert serialize(own) == serialize(plain)
    assert clean(own, make_ascii) == plain
