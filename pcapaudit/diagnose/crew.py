"""Who does the long parts of a diagnosis: one process, or several that share them.

Copies of a process that share the work take the same steps in the same order; of the long steps each does its part.
``engine`` makes the copies; here is what they have in common, and the one process that does all itself. The same number
is always the same process's, so that what it read for one step is at hand in the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Crew(Protocol):
    """Some processes, each of which has all that the others have. No work may give None."""

    def share(self, work: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
        """What the work gives for each number, in their order, for every process."""
        ...

    def gather(self, work: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
        """The same, one by one as they are ready, for the first process; it is the last that the others do."""
        ...


class Alone:
    """One process."""

    def share(self, work: Callable[[int], T], numbers: Sequence[int]) -> list[T]:
        """See ``Crew``."""
        return [work(number) for number in numbers]

    def gather(self, work: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
        """See ``Crew``."""
        return map(work, numbers)
