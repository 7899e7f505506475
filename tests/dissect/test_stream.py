from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.model.events import Malformed
from tests.dissect.material import packet, stream


def _frames(data: Stream, *offsets: int) -> list[int]:
    return [data.at(offset).frame for offset in offsets]


def test_each_byte_belongs_to_the_packet_that_brought_it() -> None:
    assert _frames(stream(b"abc", b"de", b"f"), 0, 2, 3, 4, 5) == [1, 1, 2, 2, 3]


def test_a_message_is_completed_by_its_latest_frame_even_out_of_order() -> None:
    late_first = stream(b"abc", b"de", b"f", frames=[4, 2, 3])
    assert late_first.completed_at(0, 6).frame == 4
    assert late_first.completed_at(3, 5).frame == 2


def test_the_rest_begins_at_its_offset_and_counts_as_a_start() -> None:
    rest = stream(b"abc", b"de", is_from_start=False).after(2)
    assert (rest.data, rest.is_from_start, _frames(rest, 0, 1)) == (b"cde", True, [1, 2])


def test_nothing_is_left_behind_the_end() -> None:
    assert stream(b"abc").after(9).data == b""


def test_the_front_keeps_the_packets_that_have_a_part_in_it() -> None:
    front = stream(b"abc", b"de", b"f").before(4)
    assert (front.data, [p.frame for p in front.packets]) == (b"abcd", [1, 2])


def test_a_stream_seen_from_its_middle_is_taken_up_where_a_packet_begins_a_message() -> None:
    middle = stream(b"tail", b"HEAD 1", b"more", is_from_start=False)
    found = middle.to_boundary(lambda data: data.startswith(b"HEAD"))
    assert (found.data, found.at(0).frame) == (b"HEAD 1more", 2)


def test_a_stream_with_its_first_byte_is_never_taken_up_later() -> None:
    begun = stream(b"tail", b"HEAD 1")
    assert begun.to_boundary(lambda data: data.startswith(b"HEAD")) is begun


def test_a_stream_without_any_boundary_stays_as_it_is() -> None:
    middle = stream(b"tail", is_from_start=False)
    assert middle.to_boundary(lambda data: data.startswith(b"HEAD")) is middle


def test_events_of_one_frame_keep_their_order() -> None:
    events = [Malformed(packet(2), "a", ""), Malformed(packet(1), "b", ""), Malformed(packet(2), "c", "")]
    assert [getattr(event, "protocol", "") for event in in_order(list(events))] == ["b", "a", "c"]


@given(st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=6), st.integers(0, 30))
def test_front_and_rest_are_the_whole(chunks: list[bytes], offset: int) -> None:
    data = stream(*chunks)
    front, rest = data.before(offset), data.after(offset)
    assert front.data + rest.data == data.data
    assert [rest.at(i).frame for i in range(len(rest.data))] == [
        data.at(offset + i).frame for i in range(len(rest.data))
    ]
