from __future__ import annotations

import json
import traceback

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.station.wish import (
    ALERTS,
    Receiver,
    Webhook,
    Wish,
    join_address,
    read_kinds,
    read_metrics,
    read_syslog,
    read_webhook,
)


def test_nothing_is_wished_by_default() -> None:
    assert Wish().is_empty
    assert read_webhook({}) is None
    assert read_webhook({"PCAPAUDIT_WEBHOOK": "  "}) is None


def test_a_webhook_is_taken_from_the_environment_with_user_and_secret() -> None:
    hook = read_webhook(
        {"PCAPAUDIT_WEBHOOK": "https://me:p%40ss@hooks.example:8443/T0/B1?x=y#z", "PCAPAUDIT_WEBHOOK_SECRET": "key"}
    )
    assert hook == Webhook("https://hooks.example:8443/T0/B1?x=y", "me:p@ss", "key")


def test_a_webhook_shows_scheme_and_host_alone() -> None:
    hook = read_webhook({"PCAPAUDIT_WEBHOOK": "https://me:pass@hooks.example/T0/B1?x=y"})
    assert hook is not None
    assert repr(hook) == str(hook) == "Webhook(https://hooks.example)"
    assert repr(Wish(webhook=hook)).count("hooks.example") == 1
    assert "T0" not in repr(Wish(webhook=hook))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/secret",
        "file:///secret",
        "hooks.example/secret",
        "https:///secret",
        "https://[::1/secret",
        "https://hooks.example:99999/secret",
        "https://hooks.example:0/secret",
        "https://hooks.example/secret with spaces",
        "https://hooks.example/sécret",
        "https://hooks.example/secret\nHost: other",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="PCAPAUDIT_WEBHOOK is no address to post to") as caught:
        read_webhook({"PCAPAUDIT_WEBHOOK": url})
    assert "cret" not in "".join(traceback.format_exception(caught.value)).replace(repr(url), "").split("UsageError")[1]


def test_kinds_are_a_list_or_all() -> None:
    assert read_kinds("lost, recovered") == ("lost", "recovered")
    assert set(read_kinds("all")) >= {*ALERTS, "seen"}


@pytest.mark.parametrize("text", ["", ",", "lost,wet", "all,lost"])
def test_kinds_that_there_are_not_are_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="expected all, or some of seen, lost, recovered"):
        read_kinds(text)


@pytest.mark.parametrize(
    ("text", "receiver"),
    [
        ("/dev/log", Receiver("local", "/dev/log")),
        ("log.example", Receiver("udp", "log.example", 514)),
        ("log.example:1514", Receiver("udp", "log.example", 1514)),
        ("udp://10.0.0.9:514", Receiver("udp", "10.0.0.9", 514)),
        ("tcp://log.example:601", Receiver("tcp", "log.example", 601)),
        ("tcp://[2001:db8::9]:601", Receiver("tcp", "2001:db8::9", 601)),
        ("[2001:db8::9]", Receiver("udp", "2001:db8::9", 514)),
    ],
)
def test_a_syslog_receiver_is_a_path_or_a_host(text: str, receiver: Receiver) -> None:
    assert read_syslog(text) == receiver


@pytest.mark.parametrize(
    "text",
    ["", ":514", "tcp://log.example", "tls://log.example:6514", "log.example:0", "log.example:70000", "a b", "h:"],
)
def test_other_syslog_receivers_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected /dev/log, HOST, HOST:PORT or tcp://HOST:PORT"):
        read_syslog(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9100", ("127.0.0.1", 9100)),
        (":9100", ("127.0.0.1", 9100)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9100", ("0.0.0.0", 9100)),
        ("[::]:9100", ("::", 9100)),
        ("site-7:9100", ("site-7", 9100)),
    ],
)
def test_numbers_are_for_this_machine_unless_an_address_is_named(text: str, address: tuple[str, int]) -> None:
    assert read_metrics(text) == address


@pytest.mark.parametrize("text", ["", "site-7", "70000", "0.0.0.0:", "::1:9100", "9100x"])
def test_numbers_need_a_port(text: str) -> None:
    with pytest.raises(UsageError, match="expected PORT or ADDRESS:PORT"):
        read_metrics(text)


def test_addresses_of_ipv6_are_shown_in_brackets() -> None:
    assert join_address("::1", 9100) == "[::1]:9100"
    assert str(Receiver("tcp", "10.0.0.9", 601)) == "tcp://10.0.0.9:601"
    assert str(Receiver("local", "/dev/log")) == "/dev/log"


def test_a_wish_goes_through_a_pipe() -> None:
    wish = Wish(webhook=Webhook("https://hooks.example/x", "u:p", "key"), syslog=Receiver("tcp", "log.example", 601))
    assert Wish.from_dict(json.loads(json.dumps(wish.as_dict()))) == wish
    assert Wish.from_dict(Wish().as_dict()) == Wish()
