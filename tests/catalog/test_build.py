from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address, ip_network

import pytest

from pcapaudit.catalog.build import THRESHOLDS, build, find_contradictions
from pcapaudit.catalog.document import Tree, parse
from pcapaudit.catalog.form import SignatureForm
from pcapaudit.catalog.schema import Condition, HostPattern, Param, Range, Signature
from pcapaudit.diagnose.params import Params
from pcapaudit.model.words import Direction, Group, IndicatorKind, When
from tests.catalog.material import SMALL

RICH = """\
schema: 1
vendor: Acme
product: Box
paper: {title: Box on the net, dated: "2016"}
incomplete: one host is missing
identify:
  strong: [{udp: 8844, payload: 24-1024, source_port: 28672-32767, from: ACM-01}]
  weak: [{inbound: {tcp: 9001}, from: ACM-02}, {tcp: [443, 4321], address: 192.0.2.1, from: ACM-03}]
  never: [{dns_query: "*.portal.example", from: ACM-04, assumed: true}]
  among_others: true
address: {dhcp: optional, from: ACM-05}
resolvers: {extra: [8.8.8.8, 1.1.1.1], any_of: false, from: ACM-06}
stages: {tls: {is: not_applicable, from: ACM-07}}
params: {app_port: {kind: port, range: 9000-9099, what: own port, from: ACM-08}}
forbids: [{transport: tcp, from: ACM-09}]
walks_servers: true
needs:
  - id: ACM-10
    what: cloud
    all_of: [{tcp: [443, 80], app: http, encrypted: false}, {udp: app_port}, {icmp: true}]
    hosts: [a.example, "*.b.example"]
    hosts_group: tried
    addresses: [192.0.2.0/24]
    required: false
    direction: in
    when: on_demand
    persistent: true
    expects_answer: false
    expects_private_address: true
    payload: 1-9
    source_ports: 1000-2000
    soft: true
    assumed: true
    note: so it is
    from: [ACM-11, ACM-10]
led: [{shows: red, when: {failed: [link, dhcp], ok: dns}, means: bad, remedy: mend, from: ACM-12}]
log: [{says: oops, from: ACM-13}]
remedies: {dns: {text: Mend the DNS., from: ACM-14}}
thresholds: {udp_wait: 30}
assumed: [{what: this, from: X-01}, {what: that}]
facts: [{what: nothing else, from: ACM-15}]
examples: [{capture: samples/a.pcap, finds: [DNS-NO-REPLY]}]
"""


def parsed(text: str) -> SignatureForm:
    return SignatureForm.model_validate(parse(text.encode(), "f").tree)


def built(text: str) -> Signature:
    return build(parsed(text), "acme", "box", "00ff")


@pytest.fixture(scope="module")
def rich() -> Signature:
    return built(RICH)


def test_names_come_from_the_file_and_its_place(rich: Signature) -> None:
    assert (rich.id, rich.vendor, rich.product) == ("acme/box", "acme", "box")
    assert (rich.vendor_title, rich.title) == ("Acme", "Box")
    assert (rich.paper.title, rich.paper.dated, rich.sha256) == ("Box on the net", "2016", "00ff")
    assert rich.incomplete == "one host is missing"


def test_signs_keep_all_that_narrows_them(rich: Signature) -> None:
    shape, (inbound, address), never = rich.identify.strong[0], rich.identify.weak, rich.identify.never[0]
    assert (shape.transport, shape.ports) == ("udp", (Range(8844, 8844),))
    assert (shape.payload, shape.source_ports) == (Range(24, 1024), Range(28672, 32767))
    assert (inbound.is_inbound, inbound.transport, inbound.ports) == (True, "tcp", (Range(9001, 9001),))
    assert address.addresses == (ip_network("192.0.2.1/32"),)
    assert (never.dns_query, never.assumed) == ((HostPattern("*.portal.example"),), True)
    assert rich.identify.among_others


def test_a_need_keeps_every_word_of_its_line(rich: Signature) -> None:
    (need,) = rich.needs
    assert (need.id, need.what, need.note) == ("ACM-10", "cloud", "so it is")
    assert (need.group, need.direction, need.when) == (Group.ALL, Direction.IN, When.ON_DEMAND)
    assert (need.hosts, need.hosts_group) == ((HostPattern("a.example"), HostPattern("*.b.example")), "tried")
    assert need.addresses == (ip_network("192.0.2.0/24"),)
    assert (need.required, need.expects_answer) == (False, False)
    assert need.persistent
    assert need.expects_private_address
    assert need.soft
    assert need.assumed
    assert (need.payload, need.source_ports) == (Range(1, 9), Range(1000, 2000))
    assert need.source == ("ACM-10", "ACM-11")


def test_endpoints_have_ports_or_the_range_of_their_parameter(rich: Signature) -> None:
    web, own, ping = rich.needs[0].endpoints
    assert (web.transport, web.ports, web.app, web.encrypted) == (
        "tcp",
        (Range(443, 443), Range(80, 80)),
        "http",
        False,
    )
    assert (own.transport, own.ports, own.param) == ("udp", (Range(9000, 9099),), "app_port")
    assert (ping.transport, ping.ports, ping.param, ping.encrypted) == ("icmp", (), None, None)


def test_the_other_parts_arrive_whole(rich: Signature) -> None:
    assert (rich.address.dhcp, rich.resolvers.any_of) == ("optional", False)
    assert rich.resolvers.extra == (ip_address("8.8.8.8"), ip_address("1.1.1.1"))
    assert rich.stages == {"tls": "not_applicable"}
    assert rich.params == {"app_port": Param("port", 9000, 9099, "own port", ("ACM-08",))}
    assert [(f.transport, f.source) for f in rich.forbids] == [("tcp", ("ACM-09",))]
    assert rich.walks_servers
    assert rich.thresholds == {"udp_wait": 30.0}
    assert rich.assumed == ("this (X-01)", "that")
    assert rich.remedies["dns"].text == "Mend the DNS."
    assert [(e.capture, e.finds) for e in rich.examples] == [("samples/a.pcap", ("DNS-NO-REPLY",))]


def test_led_and_log_are_one_table_led_first(rich: Signature) -> None:
    led, log = rich.indicators
    assert (led.kind, led.shows, led.means, led.remedy) == (IndicatorKind.LED, "red", "bad", "mend")
    assert led.when == Condition(("link", "dhcp"), ("dns",))
    assert (log.kind, log.shows, log.when, log.source) == (IndicatorKind.LOG, "oops", None, ("ACM-13",))


def test_every_fact_of_a_file_is_used_somewhere(rich: Signature) -> None:
    assert rich.used_facts() == {f"ACM-{number:02}" for number in range(1, 16)} | {"X-01"}


def test_what_a_file_leaves_out_has_the_usual_value() -> None:
    small = built(SMALL)
    assert (small.needs[0].group, small.needs[0].required, small.needs[0].hosts_group) == (Group.ANY, True, "any")
    assert small.resolvers.any_of
    assert small.resolvers.extra == ()
    assert (small.stages, small.thresholds, small.walks_servers) == ({}, {}, False)


@pytest.mark.parametrize(
    ("old", "new", "path", "message", "hint"),
    [
        ("tcp: app_port", "tcp: app_prt", ("needs", 0, "any_of", 1, "tcp"), "no parameter 'app_prt'", "app_port"),
        ("tcp: app_port", "tcp: 70000", ("needs", 0, "any_of", 1, "tcp"), "port 70000 is outside 1–65535", ""),
        ("tcp: app_port", "tcp: 57XXX", ("needs", 0, "any_of", 1, "tcp"), "'57XXX' is no port", "low-high"),
        (", {tcp: app_port}", "", ("params", "app_port"), "no endpoint uses the parameter", "{tcp: app_port}"),
        ("  connect: {", "  conect: {", ("remedies", "conect"), "neither a rule id nor a stage", "connect"),
        ("\nled:", "\nthresholds: {syn_wiat: 3}\nled:", ("thresholds", "syn_wiat"), "no threshold", "syn_wait"),
        ("  app_port: {", "  App-Port: {", ("params", "App-Port"), "no name of a parameter", "lower-case"),
    ],
)
def test_parts_that_contradict_each_other_are_told(
    old: str, new: str, path: tuple[str | int, ...], message: str, hint: str
) -> None:
    complaints = {where: (said, help_) for where, said, help_ in find_contradictions(parsed(SMALL.replace(old, new)))}
    assert message in complaints[path][0]
    assert hint in (complaints[path][1] or "")


def test_a_need_that_stands_twice_is_told() -> None:
    need = SMALL[SMALL.index("  - id: ACM-01") : SMALL.index("led:")]
    doubled = parsed(SMALL.replace(need, need + need))
    assert [c[:2] for c in find_contradictions(doubled)] == [(("needs", 1, "id"), "the need ACM-01 stands here twice")]


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ("[{tcp: 9443}, {tcp: 8443}]", "box.acme.example on tcp 8443 belongs to the need ACM-01 already"),
        ("[{tcp: 9443}, {udp: 8443}]", None),
    ],
)
def test_a_host_and_port_belong_to_one_need(ports: str, message: str | None) -> None:
    second = f"  - {{id: ACM-09, what: copy, any_of: {ports}, hosts: BOX.acme.example, when: always}}\n"
    complaints = list(find_contradictions(parsed(SMALL.replace("\nled:", f"\n{second}led:"))))
    assert [c[:2] for c in complaints] == ([(("needs", 1, "hosts"), message)] if message else [])


def test_a_file_without_contradictions_draws_no_complaint() -> None:
    tree: Tree = parse(RICH.encode(), "f").tree
    assert list(find_contradictions(SignatureForm.model_validate(tree))) == []


def test_the_thresholds_are_those_that_rules_know() -> None:
    assert set(THRESHOLDS) == {field.name for field in fields(Params)}
