from __future__ import annotations

from urllib.parse import urlencode

import pytest
from starlette.datastructures import QueryParams

from pcapaudit.web.captures.store import Wishes
from pcapaudit.web.captures.wishes import MAX_NOTE, WishError, find_faults, products, read_wishes


def query(*pairs: tuple[str, str]) -> QueryParams:
    return QueryParams(urlencode(pairs))


def test_what_is_left_empty_is_not_wished() -> None:
    assert read_wishes(query(("device", " "), ("led", ""))) == Wishes()


def test_wishes_are_read() -> None:
    wishes = read_wishes(
        query(
            ("signature", "wennsoft/miniagent"),
            ("device", "54-10-EC-2B-30-01"),
            ("led", " blinking red "),
            ("log", "no route"),
            ("mirror_point", "switch 3, port 12"),
            ("param", "app_port=57123"),
        )
    )
    assert wishes == Wishes(
        signature="wennsoft/miniagent",
        device="54-10-EC-2B-30-01",
        led="blinking red",
        log="no route",
        mirror_point="switch 3, port 12",
        params={"app_port": "57123"},
    )


@pytest.mark.parametrize("device", ["54:10:ec:2b:30:01", "5410.ec2b.3001", "10.0.0.5", "fe80::1"])
def test_a_device_is_named_by_any_address(device: str) -> None:
    assert read_wishes(query(("device", device))).device == device


@pytest.mark.parametrize(
    ("pair", "field", "reason"),
    [
        (("device", "54:10:ec"), "device", "neither a MAC nor an IP address"),
        (("device", "10.0.0.256"), "device", "neither a MAC nor an IP address"),
        (("signature", "acme/box"), "signature", "no product 'acme/box'"),
        (("param", "app_port=57001"), "param=app_port", "from 57002 to 57999"),
        (("param", "app_port=5712x"), "param=app_port", "a whole number"),
        (("param", "app_port=" + "9" * 5000), "param=app_port", "a whole number"),
        (("param", "app_port=\u0665\u0667\u0661\u0662\u0663"), "param=app_port", "a whole number"),
        (("param", "app_port"), "param=app_port", "a whole number"),
        (("param", "speed=9"), "param=speed", "known are: app_port"),
        (("led", "a\x00b"), "led", "no screen shows"),
        (("log", "x" * 301), "log", "at most 300"),
        (("mirror_point", "a\x1b[2J"), "mirror_point", "no screen shows"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_field(pair: tuple[str, str], field: str, reason: str) -> None:
    with pytest.raises(WishError, match=reason) as caught:
        read_wishes(query(pair))
    assert (caught.value.field, caught.value.status) == (field, 400)


def test_a_parameter_of_another_product_is_none_of_this_one() -> None:
    with pytest.raises(WishError, match="known are: none"):
        read_wishes(query(("signature", "sensorist/gateway"), ("param", "app_port=57123")))


def test_parameters_without_end_are_refused() -> None:
    with pytest.raises(WishError, match="at most 20"):
        read_wishes(query(*[("param", "app_port=57123")] * 21))


def test_a_note_has_an_end() -> None:
    read_wishes(query(("note", "x" * MAX_NOTE)))
    with pytest.raises(WishError, match="at most 10000"):
        read_wishes(query(("note", "x" * (MAX_NOTE + 1))))


def test_all_faults_are_told_at_once() -> None:
    asked = query(("device", "x"), ("led", "ok"), ("signature", "wennsoft/miniagent"), ("param", "app_port=1"))
    assert [fault.field for fault in find_faults(asked)] == ["device", "param=app_port"]


def test_a_product_says_what_it_asks_for() -> None:
    (product,) = (p for p in products() if p.id == "wennsoft/miniagent")
    (param,) = product.params
    # WSC-04: the customer's own port 57XXX.
    assert (param.name, param.low, param.high) == ("app_port", 57002, 57999)
