"""The shipped signatures say what the papers say, keep the decisions made on their gaps, and know the samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pcapaudit.catalog import load_signatures
from pcapaudit.catalog.schema import Need, Range, Signature
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted((CHECKOUT / "signatures").glob("*/*.yaml"))
TRUTHS = sorted((CHECKOUT / "samples").glob("*.yaml"))
SIGNATURES = {signature.id: signature for signature in load_signatures(CHECKOUT / "signatures")}

UNUSED: Mapping[str, str] = {
    "Y-06": "a fee that belongs to something else; says nothing of a network",
    "Y-09": "a misprint with a clear meaning; the meaning is SEN-11",
    "Z-06": "no paper gives a MAC prefix, so no signature can hold one",
}
"""Fact ids that no signature cites, each with its reason."""


def need_of(product: str, need_id: str) -> Need:
    (found,) = (need for need in SIGNATURES[product].needs if need.id == need_id)
    return found


def ports_of(need: Need) -> set[tuple[str, int, int]]:
    return {(e.transport, r.low, r.high) for e in need.endpoints for r in e.ports}


def load_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# --- files ----------------------------------------------------------------------------------------------


def test_every_product_of_the_papers_has_its_file() -> None:
    assert set(SIGNATURES) == {
        "alsoenergy/kiosk",
        "alsoenergy/logger",
        "alsoenergy/smaftp",
        "sensorist/gateway",
        "skala/ipad",
        "skala/nexus",
        "skala/pc",
        "tek/pool-ems",
        "wennsoft/miniagent",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_satisfies_the_published_json_schema(path: Path) -> None:
    schema = json.loads((CHECKOUT / "docs" / "signature.schema.json").read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(load_yaml(path))] == []


# --- facts ----------------------------------------------------------------------------------------------


def test_every_fact_of_the_papers_is_cited_or_left_out_for_a_reason() -> None:
    known = set((CHECKOUT / "tests" / "catalog" / "fact_ids.txt").read_text(encoding="utf-8").split())
    cited = {fact for signature in SIGNATURES.values() for fact in signature.used_facts()}
    assert known - cited == set(UNUSED)
    assert cited - known == set(), "a signature cites a fact that does not exist"


@pytest.mark.parametrize(
    ("product", "prefix"),
    [
        ("alsoenergy/kiosk", "ALS"),
        ("alsoenergy/logger", "ALS"),
        ("alsoenergy/smaftp", "ALS"),
        ("sensorist/gateway", "SEN"),
        ("skala/ipad", "SKA"),
        ("skala/nexus", "SKA"),
        ("skala/pc", "SKA"),
        ("tek/pool-ems", "TEK"),
        ("wennsoft/miniagent", "WSC"),
    ],
)
def test_a_product_cites_its_own_paper_and_decisions_alone(product: str, prefix: str) -> None:
    assert {fact.split("-")[0] for fact in SIGNATURES[product].used_facts()} <= {prefix, "X", "Y", "Z"}


# --- needs ----------------------------------------------------------------------------------------------

REQUIRED = {
    "alsoenergy/kiosk": {"ALS-44": {("tcp", 80, 80), ("tcp", 443, 443)}, "ALS-48": {("udp", 123, 123)}},
    "alsoenergy/logger": {"ALS-02": {("tcp", 80, 80), ("tcp", 443, 443)}, "ALS-08": {("udp", 123, 123)}},
    "alsoenergy/smaftp": {"ALS-20": {("tcp", 21, 21)}},
    "sensorist/gateway": {"SEN-05": {("tcp", 443, 443), ("tcp", 4321, 4321)}},
    "skala/ipad": {"SKA-01": {("tcp", 443, 443)}, "SKA-10": {("tcp", 9001, 9001)}},
    "skala/nexus": {
        "SKA-01": {("tcp", 443, 443)},
        "SKA-03": {("tcp", 443, 443)},
        "SKA-09": {("udp", 123, 123)},
        "SKA-10": {("tcp", 9001, 9001)},
        "SKA-11": {("tcp", 443, 443)},
    },
    "skala/pc": {"SKA-17": {("tcp", 443, 443)}},
    "tek/pool-ems": {"TEK-03": {("udp", 8844, 8844)}},
    "wennsoft/miniagent": {
        "WSC-01": {("tcp", 5432, 5432)},
        "WSC-02": {("tcp", 57000, 57000)},
        "WSC-03": {("tcp", 57001, 57001)},
        "WSC-04": {("tcp", 57002, 57999)},
        "WSC-05": {("udp", 123, 123)},
        "WSC-06": {("udp", 53, 53)},
    },
}
"""Vendor facts, sections 1 to 5 and 6.2: what each product cannot do without, and its ports; time is soft."""


@pytest.mark.parametrize("product", sorted(REQUIRED))
def test_a_product_requires_what_its_paper_requires(product: str) -> None:
    found = {need.id: ports_of(need) for need in SIGNATURES[product].needs if need.required}
    assert found == REQUIRED[product]


@pytest.mark.parametrize(
    ("product", "need_id", "when"),
    [
        ("wennsoft/miniagent", "WSC-02", "boot"),
        ("wennsoft/miniagent", "WSC-03", "on_demand"),
        ("wennsoft/miniagent", "WSC-04", "always"),
        ("wennsoft/miniagent", "WSC-01", "always"),
        ("wennsoft/miniagent", "WSC-07", "boot"),
        ("alsoenergy/logger", "ALS-02", "periodic"),
        ("alsoenergy/smaftp", "ALS-20", "periodic"),
        ("alsoenergy/kiosk", "ALS-44", "periodic"),
        ("sensorist/gateway", "SEN-05", "always"),
        ("skala/nexus", "SKA-01", "always"),
        ("skala/nexus", "SKA-11", "always"),
        ("skala/nexus", "SKA-10", "on_demand"),
        ("skala/nexus", "SKA-13", "on_demand"),
        ("skala/ipad", "SKA-01", "always"),
        ("skala/ipad", "SKA-10", "on_demand"),
        ("skala/pc", "SKA-17", "always"),
        ("tek/pool-ems", "TEK-03", "always"),
    ],
)
def test_a_need_is_used_when_the_decision_says(product: str, need_id: str, when: str) -> None:
    assert need_of(product, need_id).when == when


@pytest.mark.parametrize(
    ("product", "need_id", "names", "strangers"),
    [
        (
            "sensorist/gateway",
            "SEN-05",
            ["GK.sensorist.com", "gk.sensorist.net"],
            ["sensorist.com", "my.oscartemplog.se"],
        ),
        ("wennsoft/miniagent", "WSC-04", ["appservice-01.connect.key2act.io"], ["key2act.io"]),
        ("alsoenergy/kiosk", "ALS-44", ["www.AlsoEnergy.com"], ["hmi.alsoenergy.com", "maki.alsoenergy.com"]),
        ("alsoenergy/logger", "ALS-02", ["dataobvius.alsoenergy.com"], ["hmi.alsoenergy.com", "code.jquery.com"]),
        ("alsoenergy/smaftp", "ALS-20", ["ptsmaftp.alsoenergy.com"], ["maki.alsoenergy.com"]),
        ("skala/nexus", "SKA-03", ["websocket.skalacontrol.com", "websockets.skalacontrol.com"], ["skalacontrol.com"]),
        ("skala/nexus", "SKA-13", ["rasbian.raspberrypi.org", "raspbian.raspberrypi.org"], ["raspberrypi.org"]),
        ("skala/nexus", "SKA-14", ["pypi.example"], ["pypi.example.net", "files.pypi.example"]),
        ("skala/nexus", "SKA-16", ["metergroup.com", "a.b.metergroup.com"], ["notmetergroup.com"]),
        ("skala/ipad", "SKA-10", ["b27f04.skalanexus.com"], ["skalanexus.com"]),
        ("skala/pc", "SKA-17", ["skalacontrol.io"], ["skalacontrol.com"]),
    ],
)
def test_a_need_knows_its_hosts_and_no_others(
    product: str, need_id: str, names: list[str], strangers: list[str]
) -> None:
    hosts = need_of(product, need_id).hosts
    assert [name for name in names if not any(h.matches(name) for h in hosts)] == []
    assert [name for name in strangers if any(h.matches(name) for h in hosts)] == []


def test_one_port_and_one_name_are_enough_for_sensorist() -> None:
    need = need_of("sensorist/gateway", "SEN-05")
    assert (need.group, need.hosts_group, need.persistent) == ("any", "any", True)
    assert {e.encrypted for e in need.endpoints} == {None}, "SEN-12: encryption is not stated"


def test_a_logger_is_judged_by_each_host_it_tries() -> None:
    assert need_of("alsoenergy/logger", "ALS-02").hosts_group == "tried"


def test_the_ipad_expects_a_private_address_of_its_nexus() -> None:
    need = need_of("skala/ipad", "SKA-10")
    assert need.expects_private_address
    assert [(e.app, e.encrypted) for e in need.endpoints] == [("websocket", None)]


def test_the_nexus_is_asked_on_9001_and_asks_nobody_there() -> None:
    assert need_of("skala/nexus", "SKA-10").direction == "in"
    assert all(need.direction == "out" for need in SIGNATURES["skala/ipad"].needs)


@pytest.mark.parametrize(
    ("product", "address"),
    [
        ("sensorist/gateway", "54.229.68.147"),
        ("alsoenergy/kiosk", "172.245.215.160"),
        ("alsoenergy/kiosk", "172.245.215.191"),
        ("alsoenergy/kiosk", "204.232.231.197"),
        ("alsoenergy/logger", "146.20.187.118"),
        ("alsoenergy/smaftp", "146.20.122.22"),
        ("tek/pool-ems", "64.85.169.160"),
        ("wennsoft/miniagent", "34.226.68.99"),
    ],
)
def test_an_address_of_the_paper_is_a_hint(product: str, address: str) -> None:
    hints = [network for need in SIGNATURES[product].needs if need.required for network in need.addresses]
    assert any(ip_address(address) in network for network in hints)


def test_the_kiosk_range_ends_where_the_paper_ends_it() -> None:
    hints = need_of("alsoenergy/kiosk", "ALS-44").addresses
    assert not any(ip_address(address) in n for n in hints for address in ("172.245.215.159", "172.245.215.192"))


def test_the_database_has_no_host_and_is_bound_by_its_port() -> None:
    need = need_of("wennsoft/miniagent", "WSC-01")
    assert (need.hosts, need.addresses) == ((), ())
    assert [(e.app, e.encrypted) for e in need.endpoints] == [("postgres", True)]


def test_udp_5432_is_neither_required_nor_expected_to_answer() -> None:
    (need,) = (n for n in SIGNATURES["wennsoft/miniagent"].needs if ("udp", 5432, 5432) in ports_of(n))
    assert (need.required, need.expects_answer) == (False, False)


def test_the_application_port_is_the_customers() -> None:
    signature = SIGNATURES["wennsoft/miniagent"]
    assert [(p.kind, p.low, p.high) for p in signature.params.values()] == [("port", 57002, 57999)]
    assert [e.param for e in need_of(signature.id, "WSC-04").endpoints] == ["app_port"]
    assert signature.incomplete


def test_public_dns_is_asked_beside_the_sites_own() -> None:
    resolvers = SIGNATURES["wennsoft/miniagent"].resolvers
    assert (resolvers.extra, resolvers.any_of) == ((ip_address("8.8.8.8"),), True)


def test_the_ping_is_optional() -> None:
    need = need_of("wennsoft/miniagent", "WSC-07")
    assert (need.required, need.addresses) == (False, (ip_network("4.2.2.2/32"),))


def test_tek_walks_a_list_of_unknown_servers_with_datagrams_of_its_shape() -> None:
    signature = SIGNATURES["tek/pool-ems"]
    need = need_of(signature.id, "TEK-03")
    assert signature.walks_servers
    assert (need.payload, need.source_ports) == (Range(24, 1024), Range(28672, 32767))
    assert [forbid.transport for forbid in signature.forbids] == ["tcp"]


@pytest.mark.parametrize(
    ("product", "stage", "word"),
    [
        ("sensorist/gateway", "time", "not_applicable"),
        ("sensorist/gateway", "tls", None),
        ("tek/pool-ems", "tls", "not_applicable"),
        ("tek/pool-ems", "app", "not_applicable"),
        ("tek/pool-ems", "time", "not_applicable"),
        ("wennsoft/miniagent", "time", "soft"),
    ],
)
def test_a_stage_is_as_hard_as_the_paper_makes_it(product: str, stage: str, word: str | None) -> None:
    assert SIGNATURES[product].stages.get(stage) == word


@pytest.mark.parametrize(
    ("product", "dhcp"),
    [
        ("sensorist/gateway", "required"),
        ("tek/pool-ems", "optional"),
        ("wennsoft/miniagent", "optional"),
        ("alsoenergy/logger", "optional"),
        ("alsoenergy/kiosk", "optional"),
    ],
)
def test_a_static_address_is_allowed_where_the_paper_allows_it(product: str, dhcp: str) -> None:
    assert SIGNATURES[product].address.dhcp == dhcp


# --- indicators -----------------------------------------------------------------------------------------

GOOD = dict.fromkeys(("link", "dhcp", "gateway", "dns", "connect", "return"), "ok")


def shown(signature: Signature, states: Mapping[str, str]) -> str | None:
    lines = (line for line in signature.indicators if line.when is not None and line.when.holds(states))
    return next((line.shows for line in lines), None)


@pytest.mark.parametrize(
    ("states", "led"),
    [
        (GOOD, "green"),
        ({**GOOD, "dhcp": "implied", "dns": "implied"}, "green"),
        ({"link": "failed"}, "solid red"),
        ({"link": "ok", "dhcp": "failed", "connect": "not_reached"}, "solid red"),
        ({**GOOD, "gateway": "failed"}, "blinking red"),
        ({**GOOD, "dns": "failed", "connect": "not_reached"}, "blinking red"),
        ({**GOOD, "connect": "failed", "return": "not_reached"}, "blinking red"),
        ({**GOOD, "return": "failed"}, "blinking red"),
        ({"link": "ok", "dhcp": "ok", "connect": "not_observed"}, None),
    ],
)
def test_the_sensorist_led_follows_the_first_broken_stage(states: Mapping[str, str], led: str | None) -> None:
    assert shown(SIGNATURES["sensorist/gateway"], states) == led


@pytest.mark.parametrize(
    ("states", "log"),
    [
        ({**GOOD, "dns": "failed"}, "Could not resolve host 'appservice-01.connect.key2act.io'"),
        ({"gateway": "failed"}, "Waiting for network connection..."),
        (GOOD, None),
    ],
)
def test_the_wennsoft_log_says_what_the_paper_says(states: Mapping[str, str], log: str | None) -> None:
    assert shown(SIGNATURES["wennsoft/miniagent"], states) == log


@pytest.mark.parametrize("product", [p for p in SIGNATURES if p.startswith(("alsoenergy/", "skala/"))])
def test_no_led_is_made_up(product: str) -> None:
    assert SIGNATURES[product].indicators == ()


# --- samples --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_a_sample_shows_its_devices_and_takes_no_bystander_for_one(path: Path) -> None:
    truth = load_yaml(path)
    report = audit([str(path.with_name(truth["capture"]))], AuditOptions(all_devices=True))
    found = {device.mac: device.signature for device in report.devices if device.signature is not None}
    assert found == {d["mac"]: d["signature"] for d in truth["devices"] if d["recognisable"]}
    assert all(device.candidates == () for device in report.devices)
