from __future__ import annotations

import pytest

from pcapaudit.report.glossary import explain_words


def words(text: str) -> list[str]:
    return [word for word, _ in explain_words(text)]


def test_the_words_of_a_sentence_are_explained_from_the_cable_up() -> None:
    text = "12 SYN in 1 min, no SYN-ACK, reset or ICMP error came back; 02:54:10:2b:30:01 got its address by DHCP."

    assert words(text) == ["DHCP", "SYN", "SYN-ACK", "reset", "ICMP"]


def test_every_form_of_a_word_leads_to_the_same_explanation() -> None:
    assert explain_words("9 DISCOVERs") == explain_words("a DISCOVER,")
    assert words("802.1X") == ["802.1X"]


@pytest.mark.parametrize("text", ["TCP-SYN-TIMEOUT", "syn.dns.TCP.example", "tcp dns arp", "SYNOPSIS", "", "Ärger"])
def test_ids_names_and_other_words_are_not_explained(text: str) -> None:
    assert words(text) == []


def test_no_word_is_explained_twice_and_each_in_one_line() -> None:
    every = explain_words(" ".join(form for form in ("SYN", "RST", "resets", "reset", "TTL", "TLS")))

    assert [word for word, _ in every] == ["SYN", "reset", "TTL", "TLS"]
    assert all(len(meaning) < 100 for _, meaning in every)
