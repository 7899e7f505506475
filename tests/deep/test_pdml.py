from __future__ import annotations

import random

import pytest

from pcapaudit.deep.pdml import (
    MAX_DEPTH,
    MAX_PART,
    MAX_TEXT,
    Numbering,
    count_fields,
    read_frame_fields,
    read_packet,
    read_rows,
)
from pcapaudit.deep.tree import Field

DATA = bytes(range(64))
PLAIN = Numbering({})


def field(
    name: str, *, at: int = 0, size: int = 0, value: str = "", show: str = "", more: str = "", below: str = ""
) -> str:
    says = f'showname="{name}: {show}" show="{show}" value="{value}"'
    return f'<field name="{name}" pos="{at}" size="{size}" {says}{more}>{below}</field>'


def packet(*fields: str, layer: str = "p") -> bytes:
    top = f'<proto name="{layer}" showname="Protocol" pos="0" size="20">'
    return f"<packet>{top}{''.join(fields)}</proto></packet>".encode()


def fields_of(xml: bytes, numbering: Numbering = PLAIN, data: bytes = DATA) -> tuple[Field, ...]:
    return read_packet(xml, data, numbering).layers[0].fields


def test_fields_stand_below_each_other_as_tshark_writes_them() -> None:
    (top,) = fields_of(packet(field("a", below=field("b", below=field("c")))))
    assert (top.name, top.fields[0].name, top.fields[0].fields[0].name) == ("a", "b", "c")


def test_hidden_fields_and_those_that_speak_of_the_small_capture_are_left_out() -> None:
    hidden = field("x", more=' hide="yes"', below=field("y"))
    names = [f.name for f in fields_of(packet(hidden, field("tcp.stream"), field("frame.interface_id"), field("z")))]
    assert names == ["z"]


def test_a_field_has_a_place_only_where_the_frame_holds_what_it_says() -> None:
    right, bits, wrong, beyond = fields_of(
        packet(
            field("right", at=2, size=2, value="0203"),
            field("bits", at=5, size=1, value="1", more=' unmaskedvalue="05"'),
            field("wrong", at=2, size=2, value="ffff"),
            field("beyond", at=60, size=8),
        )
    )
    assert [(f.position, f.size) for f in (right, bits, wrong, beyond)] == [(2, 2), (5, 1), (None, 0), (None, 0)]


def test_a_layer_that_was_put_together_of_several_frames_has_no_place_in_this_one() -> None:
    xml = packet(field("a", at=0, size=2, value="4745"), field("b", at=0, size=20))
    assert [f.position for f in fields_of(xml)] == [None, None]


def test_what_was_put_together_of_several_frames_is_a_part_with_places_of_its_own() -> None:
    whole = field("tcp.reassembled.data", show="47:45:54:20").replace('showname="', 'showname="Reassembled TCP Data: ')
    message = f'<proto name="http" pos="0" size="4">{field("http.method", at=0, size=3, value="474554")}</proto>'
    found = read_packet(packet(whole).replace(b"</packet>", message.encode() + b"</packet>"), DATA, PLAIN)
    (part,) = found.parts
    assert (part.name, part.data) == ("Reassembled TCP Data", b"GET ")
    (method,) = found.layers[1].fields
    assert (method.position, method.size, method.part) == (0, 3, 1)


@pytest.mark.parametrize("show", ["", "4", "zz:zz", "47:4", "47:45" * 90_000])
def test_a_part_is_bounded_and_never_raises(show: str) -> None:
    (part,) = read_packet(packet(field("x.reassembled.data", show=show)), DATA, PLAIN).parts
    assert len(part.data) <= MAX_PART


def test_frame_numbers_become_those_of_the_capture() -> None:
    numbering = Numbering({3: 4711, 9: 4800}, frozenset({"frame.number", "dns.response_to"}))
    to, parts, other = fields_of(
        packet(
            field("dns.response_to", show="3"),
            field("tcp.segments", show="2 segments: #3(10), #9(20), #77(1)"),
            field("dns.id", show="3"),
        ),
        numbering,
    )
    assert (to.label, to.value, to.frame) == ("dns.response_to: 4711", "4711", 4711)
    assert parts.label == "tcp.segments: 2 segments: #4711(10), #4800(20), #77(1)"
    assert (other.label, other.frame) == ("dns.id: 3", None)


def test_the_frame_layer_says_the_number_and_no_interface_of_the_small_capture() -> None:
    xml = packet(layer="frame").replace(b"Protocol", b"Frame 9: 60 bytes on wire on interface eth7, id 0")
    layers = read_packet(xml, DATA, Numbering({9: 4800})).layers
    assert layers[0].title == "Frame 4800: 60 bytes on wire"


def test_fields_outside_of_any_protocol_are_layers() -> None:
    layers = read_packet(packet(field("data"), field("more"), layer="fake-field-wrapper"), DATA, PLAIN).layers
    assert [layer.name for layer in layers] == ["data", "more"]


def test_number_depth_and_length_are_bounded_and_what_is_missing_is_counted() -> None:
    found = read_packet(packet(*[field("f")] * 50), DATA, PLAIN, most=20)
    assert (count_fields(found.layers), found.left_out) == (1 + 18, 32)

    deep = "".join(f'<field name="{n}">' for n in range(500)) + "</field>" * 500
    found = read_packet(packet(deep), DATA, PLAIN)
    assert count_fields(found.layers) <= MAX_DEPTH
    assert found.left_out == 1

    (long,) = fields_of(packet(field("l", show="x" * 5000)))
    assert (len(long.label), len(long.value)) == (MAX_TEXT, MAX_TEXT)


def test_broken_xml_gives_what_stands_before_the_fault() -> None:
    found = read_packet(packet(field("a"), field("b"))[:-30], DATA, PLAIN)
    assert [f.name for f in found.layers[0].fields][:1] == ["a"]
    assert found.left_out == 1


def test_characters_that_xml_may_not_hold_are_replaced() -> None:
    (found,) = fields_of(packet(field("a", show="q\x00\x1b\x0c")).replace(b"q", b"\xff\xfe"))
    assert "\x00" not in found.label
    assert "\ufffd" in found.label


def test_no_entity_of_a_document_is_looked_up() -> None:
    xml = b'<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/hostname"><!ENTITY f "ffff">]>' + packet(
        field("a", show="&e;&f;")
    )
    assert count_fields(read_packet(xml, DATA, PLAIN).layers) <= 2


def test_whatever_bytes_come_nothing_is_raised() -> None:
    dice = random.Random(5)
    whole = packet(field("a", at=1, size=1, value="01", below=field("b")), field("dns.response_to", show="3"))
    for _ in range(300):
        spoiled = bytearray(whole)
        for _ in range(dice.randrange(1, 9)):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        read_packet(bytes(spoiled), DATA, Numbering({3: 1}, frozenset({"dns.response_to"})))
        list(read_rows(bytes(spoiled), PLAIN))


def test_rows_of_the_list_of_packets_are_read_with_the_capture_s_numbers() -> None:
    cells = ["9", "10.0.0.5", "10.0.0.1", "TCP", "[TCP Dup ACK 3#1] a &lt; b &amp;amp;"]
    xml = f"<packet>\n{''.join(f'<section>{c}</section>' for c in cells)}</packet>".encode()
    (row,) = read_rows(xml + b"<packet><section>1</section></packet>", Numbering({9: 4800, 3: 4711}))
    assert (row.number, row.protocol, row.info) == (4800, "TCP", "[TCP Dup ACK 4711#1] a < b &amp;")


@pytest.mark.parametrize("line", [b"F\tResponse To\tdns.response_to\tFT_FRAMENUM\tdns\t\t0\t\n"])
def test_fields_that_hold_frame_numbers_are_found_in_tshark_s_listing(line: bytes) -> None:
    listing = b"P\tDNS\tdns\n" + line + b"F\tId\tdns.id\tFT_UINT16\tdns\n"
    assert read_frame_fields(listing) == {"frame.number", "dns.response_to"}
