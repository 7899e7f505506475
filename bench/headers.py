"""Headers of many frames at once: each header is a numpy record, its fields are named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]

TCP_OPENING, TCP_LATER, UDP, ARP = range(4)
"""What follows the network layer; an opening segment carries more options."""

_ETHERNET = np.dtype([("to", "u1", 6), ("by", "u1", 6), ("kind", ">u2")])
_TAG = np.dtype([("vlan", ">u2"), ("kind", ">u2")])
_IP4 = np.dtype(
    {
        "names": ["version", "length", "ident", "parts", "ttl", "protocol", "checksum", "source", "target"],
        "formats": [">u2", ">u2", ">u2", ">u2", "u1", "u1", ">u2", ">u4", ">u4"],
    }
)
_IP6 = np.dtype(
    {
        "names": ["version", "length", "protocol", "hops", "source", "target"],
        "formats": [">u4", ">u2", "u1", "u1", (">u8", 2), (">u8", 2)],
    }
)
_TCP = np.dtype(
    {
        "names": ["source", "target", "seq", "ack", "length", "flags", "window", "rest"],
        "formats": [">u2", ">u2", ">u4", ">u4", "u1", "u1", ">u2", ">u4"],
    }
)
_OPENING = np.dtype([("size", ">u4"), ("sack", ">u4"), ("now", ">u4"), ("echo", ">u4"), ("scale", ">u4")])
_LATER = np.dtype([("lead", ">u4"), ("now", ">u4"), ("echo", ">u4")])
_UDP = np.dtype([("source", ">u2"), ("target", ">u2"), ("length", ">u2"), ("checksum", ">u2")])
_ARP = np.dtype(
    [("what", ">u8"), ("by_mac", "u1", 6), ("by", ">u4"), ("of_mac", "u1", 6), ("of", ">u4")],
)
_TRANSPORT = {
    TCP_OPENING: [("tcp", _TCP), ("options", _OPENING)],
    TCP_LATER: [("tcp", _TCP), ("options", _LATER)],
    UDP: [("udp", _UDP)],
}
_NETWORK_6 = 0x20010DB8 << 32
_GATEWAY = 0x021F_7700_0001
_DEVICE = 0x0200_0009_0000


@dataclass(frozen=True, slots=True)
class Frames:
    """Columns of frames that have the same headers."""

    is_out: Numbers
    host: Numbers
    client: Numbers
    server: Numbers
    own_port: Numbers
    port: Numbers
    vlan: Numbers
    flags: Numbers
    length: Numbers
    """Of the payload."""
    seq: Numbers
    ack: Numbers
    ident: Numbers
    millis: Numbers


def layout(transport: int, *, has_tag: bool, is_six: bool) -> np.dtype[np.void]:
    """The record of a frame's headers."""
    tag = [("tag", _TAG)] if has_tag else []
    if transport == ARP:
        return np.dtype([("ethernet", _ETHERNET), *tag, ("arp", _ARP)])
    return np.dtype([("ethernet", _ETHERNET), *tag, ("ip", _IP6 if is_six else _IP4), *_TRANSPORT[transport]])


def build(shape: np.dtype[np.void], frames: Frames) -> Bytes:
    """One row of header bytes for each frame."""
    rows = np.zeros(len(frames.is_out), shape)
    _link(rows, frames, 0x0806 if "arp" in _names(shape) else 0x86DD if shape["ip"] == _IP6 else 0x0800)
    if "arp" in _names(shape):
        _arp(rows["arp"], frames)
        return _octets(rows)
    transport = shape.itemsize - shape.fields["ip"][1] - shape["ip"].itemsize if shape.fields else 0
    protocol = 6 if "tcp" in _names(shape) else 17
    (_ip6 if shape["ip"] == _IP6 else _ip4)(rows["ip"], frames, transport, protocol)
    _transport(rows, frames)
    return _octets(rows)


def mac_of(host: Numbers) -> Bytes:
    """The hardware address of a client."""
    return big_endian(_DEVICE + host, 6)


def big_endian(values: Numbers, size: int) -> Bytes:
    """One row of so many bytes for each number."""
    return values.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - size :]


def _names(shape: np.dtype[np.void]) -> tuple[str, ...]:
    return shape.names or ()


def _octets(rows: Numbers) -> Bytes:
    return rows.view(np.uint8).reshape(len(rows), -1)


def _link(rows: Numbers, frames: Frames, kind: int) -> None:
    device, gateway = _DEVICE + frames.host, np.full_like(frames.host, _GATEWAY)
    rows["ethernet"]["to"] = big_endian(np.where(frames.is_out, gateway, device), 6)
    rows["ethernet"]["by"] = big_endian(np.where(frames.is_out, device, gateway), 6)
    rows["ethernet"]["kind"] = kind
    if "tag" in _names(rows.dtype):
        rows["ethernet"]["kind"] = 0x8100
        rows["tag"]["vlan"], rows["tag"]["kind"] = frames.vlan, kind


def _arp(rows: Numbers, frames: Frames) -> None:
    """RFC 826, packet format; a question does not know the address that it asks for."""
    rows["what"] = 0x0001_0800_0604_0000 + frames.flags
    device, gateway = _DEVICE + frames.host, np.full_like(frames.host, _GATEWAY)
    rows["by_mac"] = big_endian(np.where(frames.is_out, device, gateway), 6)
    rows["of_mac"] = big_endian(np.where(frames.is_out, 0, device), 6)
    rows["by"], rows["of"] = _ends(frames.client, frames.server, frames)


def _ip4(rows: Numbers, frames: Frames, transport: int, protocol: int) -> None:
    """RFC 791, section 3.1."""
    rows["version"], rows["parts"], rows["protocol"] = 0x4500, 0x4000, protocol
    rows["length"] = 20 + transport + frames.length
    rows["ident"] = frames.ident & 0xFFFF
    rows["ttl"] = np.where(frames.is_out, 64, 49)
    rows["source"], rows["target"] = _ends(frames.client, frames.server, frames)
    total = np.ascontiguousarray(rows).view(">u2").reshape(len(rows), -1).sum(axis=1, dtype=np.uint32)
    total = (total & 0xFFFF) + (total >> 16)
    rows["checksum"] = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def _ip6(rows: Numbers, frames: Frames, transport: int, protocol: int) -> None:
    """RFC 8200, section 3; the IPv4 address stands in the lower half."""
    rows["version"], rows["protocol"] = 0x6000_0000, protocol
    rows["length"] = transport + frames.length
    rows["hops"] = np.where(frames.is_out, 64, 49)
    rows["source"][:, 0] = rows["target"][:, 0] = _NETWORK_6
    rows["source"][:, 1], rows["target"][:, 1] = _ends(frames.client, frames.server, frames)


def _transport(rows: Numbers, frames: Frames) -> None:
    """Checksums stay 0, as in a capture from a host whose network card fills them in."""
    header = rows["tcp" if "tcp" in _names(rows.dtype) else "udp"]
    header["source"], header["target"] = _ends(frames.own_port, frames.port, frames)
    if "udp" in _names(rows.dtype):
        header["length"] = 8 + frames.length
        return
    options = rows["options"]
    header["seq"], header["ack"] = frames.seq, frames.ack
    header["length"] = (header.dtype.itemsize + options.dtype.itemsize) << 2
    header["flags"], header["window"] = frames.flags, 64240
    options["now"] = frames.millis
    if "scale" in _names(options.dtype):
        options["size"], options["sack"], options["scale"] = 0x0204_05B4, 0x0402_080A, 0x0103_0307
    else:
        options["lead"] = 0x0101_080A
        options["echo"] = frames.millis - 1


def _ends(near: Numbers, far: Numbers, frames: Frames) -> tuple[Numbers, Numbers]:
    return np.where(frames.is_out, near, far), np.where(frames.is_out, far, near)
