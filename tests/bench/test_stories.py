from __future__ import annotations

import dpkt
import pytest

from bench.stories import BULK, NAMES, OPENING_S, SITE, Story, client_hello, dhcp, dns, server_address


def test_a_client_hello_asks_for_the_name() -> None:
    ((record,), _) = dpkt.ssl.tls_multi_factory(client_hello("gk.sensorist.com"))
    hello = dpkt.ssl.TLSHandshake(record.data).data
    assert isinstance(hello, dpkt.ssl.TLSClientHello)
    assert dict(hello.extensions)[0].endswith(b"gk.sensorist.com")


@pytest.mark.parametrize("site", range(len(NAMES)))
def test_an_answer_holds_the_addresses_that_the_flows_go_to(site: int) -> None:
    told = dpkt.dns.DNS(dns(site, "addresses"))
    assert [int.from_bytes(record.rdata, "big") for record in told.an] == [server_address(site, n) for n in range(4)]
    assert told.qd[0].name == NAMES[site]


def test_a_denial_has_its_code_and_no_address() -> None:
    denied = dpkt.dns.DNS(dns(0, "no such name"))
    assert (denied.rcode, denied.an) == (dpkt.dns.DNS_RCODE_NXDOMAIN, [])


def test_a_renewal_and_its_answer_are_dhcp_messages() -> None:
    asked, told = (dpkt.dhcp.DHCP(dhcp(kind, is_answer=kind == 5)) for kind in (3, 5))
    assert (asked.op, dict(asked.opts)[53]) == (1, b"\x03")
    assert (told.op, dict(told.opts)[53]) == (2, b"\x05")


@pytest.mark.parametrize("story", [*SITE.stories, *BULK.stories], ids=lambda story: f"{story.kind} {story.port}")
def test_no_part_of_a_story_runs_into_the_next(story: Story) -> None:
    assert all(0 <= step.after_s < OPENING_S for step in story.opening)
    assert all(0 <= step.after_s < story.lap_s for step in story.lap)
