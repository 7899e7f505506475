"""Every error text is one sentence that says where to look."""

from __future__ import annotations

import pytest

from pcapaudit.model.errors import CaptureError, PcapAuditError, SignatureError, UsageError


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (None, "a.pcap: no capture format known to us"),
        (0, "a.pcap at byte 0: no capture format known to us"),
        (24, "a.pcap at byte 24: no capture format known to us"),
    ],
)
def test_a_capture_error_names_the_file_and_the_byte_if_known(offset: int | None, text: str) -> None:
    error = CaptureError("no capture format known to us", path="a.pcap", offset=offset)
    assert str(error) == text
    assert (error.path, error.offset) == ("a.pcap", offset)


def test_a_signature_error_can_be_clicked_in_an_editor() -> None:
    error = SignatureError("unknown key 'hots'", file="acme/box.yaml", line=7, column=3)
    assert str(error) == "acme/box.yaml:7:3: unknown key 'hots'"


def test_a_signature_error_ends_with_its_hint() -> None:
    error = SignatureError("unknown key 'hots'", file="acme/box.yaml", line=7, column=3, hint="did you mean 'hosts'?")
    assert str(error) == "acme/box.yaml:7:3: unknown key 'hots' (did you mean 'hosts'?)"


def test_a_signature_error_without_a_place_points_at_the_first_character() -> None:
    assert str(SignatureError("the file is empty", file="box.yaml")) == "box.yaml:1:1: the file is empty"


@pytest.mark.parametrize(
    "error",
    [CaptureError("x", path="p"), SignatureError("x", file="f"), UsageError("x")],
)
def test_one_except_clause_catches_every_error_of_ours(error: Exception) -> None:
    assert isinstance(error, PcapAuditError)
