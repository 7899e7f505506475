from __future__ import annotations

from textwrap import dedent

from pcapaudit.diagnose.traits import traits_of
from pcapaudit.notebook.propose import MAX_NEEDS, MAX_SIGNS, Draft, Statement, draft, quote
from pcapaudit.notebook.seen import look_at
from tests.support.judging import facts_of

HOSTS = {"cloud": "54.229.203.190", "google": "8.8.8.8", "v6": "2001:4860:4860::8888"}
BOOT = "0.0 dev > gw BOOT dns=10.0.0.1\n"
OWN = (
    BOOT + "1.0 dev > gw LOOKUP api.acme-pumps.com A 54.229.203.190\n"
    "1.1 dev > cloud:4321 CONNECT\n1.2 dev > cloud:4321 EXCHANGE 120 60\n"
)


def draft_of(script: str, others: tuple[str, ...] = ()) -> Draft:
    facts = facts_of(dedent(script), hosts=HOSTS)
    return draft(look_at(facts, traits_of(facts)), others)


def part(made: Draft, name: str) -> list[Statement]:
    return [s for s in made.statements if s.part == name]


def lines(made: Draft, name: str) -> str:
    return "\n".join(line for s in part(made, name) for line in s.lines)


def test_each_statement_has_a_placeholder_of_its_own_in_the_order_of_the_file() -> None:
    made = draft_of(OWN)
    assert [s.fact for s in made.statements] == [f"SEEN-{n:02d}" for n in range(1, len(made.statements) + 1)]
    assert all(s.fact in line for s in made.statements for line in s.lines[:1])


def test_every_statement_says_what_was_seen_and_in_which_frames() -> None:
    for statement in draft_of(OWN).statements:
        assert statement.seen
        assert statement.frames or statement.part == "stages"
    [need] = part(draft_of(OWN), "needs")
    assert need.seen == "1 conversation, answered"
    assert need.frames == (10,)


def test_a_name_that_is_asked_for_and_gone_to_is_the_strong_sign() -> None:
    [strong] = part(draft_of(OWN), "identify.strong")
    assert strong.lines == ("- {host: api.acme-pumps.com, then: {tcp: 4321}, from: SEEN-01, assumed: true}",)


def test_what_everybody_asks_for_is_no_sign_and_an_optional_need() -> None:
    made = draft_of(
        OWN + "2.0 dev > gw LOOKUP captive.apple.com A 8.8.8.8\n"
        "2.1 dev > google:80 CONNECT\n2.2 dev > google:80 HTTP GET / host=captive.apple.com\n"
        "2.3 google:80 > dev HTTP 200\n"
    )
    assert "captive" not in lines(made, "identify.strong") + lines(made, "identify.weak")
    [need] = [s for s in part(made, "needs") if "captive.apple.com" in "".join(s.lines)]
    assert "  required: false" in need.lines
    assert '  what: "check for a captive portal"' in need.lines


def test_a_name_that_others_on_the_wire_use_is_left_out_of_the_signs_while_another_tells_the_device() -> None:
    script = (
        OWN + "2.0 dev > gw LOOKUP cfg.acme-pumps.com A 8.8.8.8\n2.1 dev > google:443 CONNECT\n"
        "2.2 dev > google:443 TLS13 sni=cfg.acme-pumps.com\n"
    )
    made = draft_of(script, ("api.acme-pumps.com",))
    signs = lines(made, "identify.strong") + lines(made, "identify.weak")
    assert "cfg.acme-pumps.com" in signs
    assert "api.acme-pumps.com" not in signs
    assert any("others on this wire use api.acme-pumps.com" in doubt for doubt in made.doubts)
    alone = draft_of(OWN, ("api.acme-pumps.com",))
    assert "api.acme-pumps.com" in lines(alone, "identify.strong")
    assert any("two of the same product?" in doubt for doubt in alone.doubts)


def test_an_address_of_the_site_never_stands_in_the_file() -> None:
    made = draft_of(
        BOOT + "1.0 dev > pc:502 CONNECT\n1.1 dev > pc:502 EXCHANGE 12 12\n"
        "2.0 dev > pc:443 CONNECT\n2.1 dev > pc:443 TLS13 sni=\n"
    )
    text = "\n".join(line for s in made.statements for line in s.lines)
    assert "10.0.0" not in text
    assert "{tcp: 502, private: true, " in text
    assert "tcp: 443" not in text
    assert any("TCP 443 to 10.0.0.9" in line for line in made.left_out)


def test_a_public_name_with_an_address_of_the_site_says_so() -> None:
    made = draft_of(
        BOOT + "1.0 dev > gw LOOKUP b27f04.acme-pumps.com A 10.0.0.9\n1.1 dev > pc:9001 CONNECT\n"
        "1.2 dev > pc:9001 EXCHANGE 9 9\n"
    )
    [need] = part(made, "needs")
    assert "  expects_private_address: true" in need.lines
    assert any("*.acme-pumps.com" in doubt for doubt in made.doubts)


def test_a_name_of_the_site_alone_makes_no_statement() -> None:
    made = draft_of(BOOT + "1.0 dev > gw LOOKUP nas.local A 10.0.0.9\n1.1 dev > pc:9001 CONNECT\n")
    assert not part(made, "needs")
    assert any("nas.local is a name of this site alone" in line for line in made.left_out)


def test_a_public_address_without_a_name_is_a_hint_and_a_weak_sign() -> None:
    made = draft_of(BOOT + "1.0 dev > cloud:4321 CONNECT\n1.1 dev > cloud:4321 EXCHANGE 9 9\n")
    assert "addresses: 54.229.203.190" in lines(made, "needs")
    assert "- {tcp: 4321, address: 54.229.203.190, " in lines(made, "identify.weak")
    common = draft_of(BOOT + "1.0 dev > cloud:443 CONNECT\n1.1 dev > cloud:443 EXCHANGE 9 9\n")
    assert not part(common, "identify.weak")
    assert "address: 54.229.203.190" in lines(common, "identify.strong")


def test_what_never_answered_is_optional_and_a_doubt() -> None:
    made = draft_of(BOOT + "1.0 dev > gw LOOKUP api.acme-pumps.com A 54.229.203.190\n1.1 dev:50001 > cloud:4321 SYN\n")
    assert "  required: false" in lines(made, "needs")
    assert "app:" not in lines(made, "needs")
    assert any("never answered" in doubt for doubt in made.doubts)


def test_resolvers_beside_those_of_the_lease_are_the_devices_own() -> None:
    asked = "1.0 dev > google LOOKUP api.acme-pumps.com A 54.229.203.190\n"
    assert "extra: 8.8.8.8" in lines(draft_of(BOOT + asked), "resolvers")
    assert not part(draft_of(asked), "resolvers")


def test_far_sides_of_one_owner_that_are_used_alike_are_one_need() -> None:
    script = (
        BOOT + "1.0 dev > gw LOOKUP a.acme-pumps.com A 54.229.203.190\n1.1 dev > cloud:443 CONNECT\n"
        "1.2 dev > cloud:443 TLS13 sni=a.acme-pumps.com\n"
        "2.0 dev > gw LOOKUP {other} A 8.8.8.8\n2.1 dev > google:443 CONNECT\n2.2 dev > google:443 TLS13 sni={other}\n"
    )
    [one] = part(draft_of(script.format(other="b.acme-pumps.com")), "needs")
    assert "  hosts: [a.acme-pumps.com, b.acme-pumps.com]" in one.lines
    assert "  hosts_group: all" in one.lines
    assert "  any_of: [{tcp: 443, app: tls, encrypted: true}]" in one.lines
    assert len(part(draft_of(script.format(other="b.else-where.com")), "needs")) == 2


def test_stages_that_nothing_was_seen_of_are_not_hard() -> None:
    datagrams = draft_of(
        BOOT + "1.0 dev > gw LOOKUP c1.acme-pumps.com A 54.229.203.190\n2.0 dev:29000 > cloud:8844 UDP 24\n"
        "2.1 cloud:8844 > dev:29000 UDP 30\n"
    )
    assert [s.says for s in part(datagrams, "stages")] == [
        "time: not_applicable", "tls: not_applicable", "app: not_applicable", "persist: not_applicable",
    ]  # fmt: skip
    assert "- {udp: 8844, payload: 24-24, " in lines(datagrams, "identify.weak")
    assert any("one of a row" in doubt for doubt in datagrams.doubts)
    timed = draft_of(OWN + "3.0 dev > google NTP\n")
    assert [s.says for s in part(timed, "stages")] == ["time: soft", "persist: soft"]
    assert "any_of: [{udp: 123, app: ntp}]" in lines(timed, "needs")


def test_a_service_of_the_device_is_a_weak_sign_and_an_optional_need() -> None:
    made = draft_of(OWN + "2.0 pc:40000 > dev:9001 CONNECT\n3.0 pc > dev EXCHANGE 10 10\n")
    assert "inbound: {tcp: 9001}" in lines(made, "identify.weak")
    assert "  direction: in\n  any_of: [{tcp: 9001}]" in lines(made, "needs")


def test_pings_beyond_the_site_are_an_optional_need() -> None:
    made = draft_of(OWN + "2.0 dev > google PING\n2.1 google > dev PONG\n3.0 dev > gw PING\n3.1 gw > dev PONG\n")
    assert "addresses: 8.8.8.8" in lines(made, "needs")
    assert "10.0.0.1" not in lines(made, "needs")


def test_a_name_that_was_asked_for_and_not_used_is_told() -> None:
    made = draft_of(OWN + "2.0 dev > gw DNS? news.example.org A\n")
    assert any("it asked for news.example.org (frame" in line for line in made.left_out)


def test_a_device_that_goes_everywhere_gets_a_bounded_proposal() -> None:
    script = "".join(f"{n}.0 dev:{20000 + n} > cloud:{1100 + n} CONNECT\n" for n in range(200))
    made = draft_of(BOOT + script)
    assert len(part(made, "needs")) == MAX_NEEDS
    assert any("160 more kinds of far sides" in line for line in made.left_out)
    assert len(part(made, "identify.weak")) == 2 * MAX_SIGNS
    assert all(len(s.fact) <= len("SEEN-999") for s in made.statements)
    named = draft_of(BOOT + "0.5 dev > gw LOOKUP api.acme-pumps.com A 54.229.203.190\n" + script)
    assert max(len(line) for s in named.statements for line in s.lines) < 1000


def test_a_text_ends_neither_its_quotes_nor_its_line() -> None:
    assert quote('a"b\\c') == '"a\\"b\\\\c"'
    assert quote("a\nb\u2028c") == '"a\\\\x0ab\\\\u2028c"'
