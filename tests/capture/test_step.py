from __future__ import annotations

from pcapaudit.capture.step import MOST_LINK_TYPES, Step, note_interface
from pcapaudit.model.frames import CaptureNotes


def test_a_step_without_more_says_that_the_columns_are_full() -> None:
    assert (Step(7).need, Step(7).fault) == (0, None)


def test_interfaces_are_counted_and_their_link_types_listed_once_in_order() -> None:
    notes = CaptureNotes()
    for link in (113, 1, 113):
        note_interface(notes, link, 0)
    assert (notes.interfaces, notes.link_types, notes.snaplen) == (3, [113, 1], None)


def test_the_smallest_snap_length_that_is_stated_counts() -> None:
    notes = CaptureNotes()
    for snaplen in (0, 65535, 96, 0, 128):
        note_interface(notes, 1, snaplen)
    assert notes.snaplen == 96


def test_of_link_types_without_end_the_first_are_listed_and_every_interface_is_counted() -> None:
    notes = CaptureNotes()
    for link in range(1000):
        note_interface(notes, link, 0)
    assert (notes.interfaces, notes.link_types) == (1000, list(range(MOST_LINK_TYPES)))
