"""What a file is that is no capture of ours, in words that help: what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

LOOK = 512
"""Bytes from the start that ``describe_foreign`` wants to see."""

_CONVERT = "open it in Wireshark and save it as pcapng"
_UNPACK = "unpack it first"

_MAGICS: Sequence[tuple[bytes, str, str | None]] = (
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", None),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"MSCF", "a Windows cabinet", _UNPACK),
    (b"\x1f\x9d", "a file packed by compress (.Z)", _UNPACK),
    (b"LZIP", "a file packed by lzip", _UNPACK),
    (b"\x02\x21\x4c\x18", "lz4 data of the old form", _UNPACK),
    (b"snoop\x00\x00\x00", "a snoop capture", _CONVERT),
    (b"GMBU", "a Microsoft Network Monitor 2 capture", _CONVERT),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", _CONVERT),
    (b"TRSNIFF data    \x1a", "a Sniffer capture", _CONVERT),
    (b"XCP\x00", "a NetXRay or Windows Sniffer capture", _CONVERT),
    (b"\x7fver", "an OmniPeek capture", _CONVERT),
    (b"\x05VNF", "a Visual Networks capture", _CONVERT),
    (b"iptrace ", "an AIX iptrace capture", _CONVERT),
    (b"\x54\x52\x00\x64\x00", "an HP-UX nettl trace", _CONVERT),
    (b"btsnoop\x00", "a Bluetooth HCI capture, which holds no network traffic", None),
    (b"\x42\xd2\x00\x34\x12\x66\x22\x88", "a RADCOM capture", _CONVERT),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it with git lfs pull"),
    (b"SQLite format 3\x00", "an SQLite database", None),
    (b"%PDF", "a PDF document", None),
    (b"\x89PNG", "a PNG picture, perhaps a screenshot of a capture", "ask for the capture file itself"),
    (b"\xff\xd8\xff", "a JPEG picture, perhaps a screenshot of a capture", "ask for the capture file itself"),
    (b"\xd0\xcf\x11\xe0", "an old Office document or an Outlook message", "save the attachment out of it"),
    (b"\x7fELF", "a program", None),
    (b"MZ", "a Windows program", None),
    (b"PAR1", "a Parquet table", None),
    (b"<!doctype html", "an HTML page, perhaps a login or error page of the site it came from", "download it again"),
    (b"<html", "an HTML page, perhaps a login or error page of the site it came from", "download it again"),
    (b"<?xml", "an XML document", None),
    (b"{", "JSON text", None),
    (b"[", "JSON text", None),
)
"""First bytes (text in lower case), what that is, and what helps."""

_TEXT_BYTES = frozenset(b"\t\n\r\f\x1b") | frozenset(range(0x20, 0x7F)) | frozenset(range(0x80, 0x100))


def describe_foreign(start: bytes) -> str:
    """Say in one sentence what the first ``LOOK`` bytes of a file are, when they are no pcap or pcapng.

    Every sentence quotes what was found; where something helps, it follows a semicolon.
    """
    if not start:
        return "it is empty"
    if len(start) < 4:
        return f"it ends after {len(start)} {'byte' if len(start) == 1 else 'bytes'}"
    for magic, what, advice in _MAGICS:
        if start.startswith(magic) or start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(magic):
            return _join(start[: min(len(magic), 8)], what, advice)
    return _describe_by_shape(start)


def _describe_by_shape(start: bytes) -> str:
    if start[257:262] == b"ustar":
        return _join(start[:4], "a tar archive", _UNPACK)
    if not start.strip(b"\0"):
        return "it holds zero bytes only, as a file does that was never written to its end"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _join(start[:2], "UTF-16 text", None)
    if _TEXT_BYTES.issuperset(start):
        return _join(start[:12], "text", "a capture is what tcpdump writes with -w, not what it prints")
    if _is_erf(start):
        return _join(start[:12], "an ERF capture by its shape", _CONVERT)
    return f"starts with {start[:4].hex(' ')} – no capture format we know"


def _is_erf(start: bytes) -> bool:
    """Tell whether a record header of Endace's format stands here: type, record length, wire length."""
    if len(start) < 16:
        return False
    kind, length, wire = start[8] & 0x7F, int.from_bytes(start[10:12], "big"), int.from_bytes(start[14:16], "big")
    return 1 <= kind <= 48 and 20 <= length <= wire + 64 and wire <= length


def _join(found: bytes, what: str, advice: str | None) -> str:
    quoted = "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in found)
    return f'starts with "{quoted}" – {what}' + (f"; {advice}" if advice else "")
