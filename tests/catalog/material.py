"""A small signature to break in many ways, and hosts to hold against signatures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pcapaudit.catalog import load_signatures
from pcapaudit.catalog.identify import Identified, Identifier
from pcapaudit.catalog.schema import Signature
from pcapaudit.model.traits import Contact, Contacts, Traits

SMALL = """\
schema: 1
vendor: Acme
product: Box
paper: {title: Box on the net, dated: not stated}
identify:
  strong:
    - {host: box.acme.example, then: {tcp: 8443}, from: ACM-01}
address: {dhcp: required, from: ACM-02}
params:
  app_port: {kind: port, range: 9000-9099, what: own port, from: ACM-03}
needs:
  - id: ACM-01
    what: cloud
    any_of: [{tcp: 8443}, {tcp: app_port}]
    hosts: box.acme.example
    when: always
led:
  - {shows: red, when: {failed: dhcp}, from: ACM-04}
remedies:
  connect: {text: Open 8443., from: ACM-01}
"""


def write(folder: Path, text: str, name: str = "acme/box.yaml") -> Path:
    """Write one signature file below a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@lru_cache(maxsize=1)
def shipped() -> tuple[Signature, ...]:
    """The signatures of this checkout."""
    return load_signatures(Path(__file__).resolve().parents[2] / "signatures")


def went(address: str, port: int, *names: str, transport: str = "tcp", frame: int = 20, **more: Any) -> Contact:
    """One contact; ``more`` are further fields of it."""
    return Contact(transport, ip_address(address).packed, port, names, frame, **more)


def identify(traits: Traits, signatures: Sequence[Signature]) -> Identified:
    """Hold one host against some signatures."""
    return Identifier(signatures).identify(traits)


def host(*contacts: Contact, asked: Sequence[str] = (), others: int = 0, **more: Any) -> Traits:
    """A host with contacts, names it asked for (frame 7 and on) and a number of unrelated domains."""
    unrelated = [f"www.site{number}.example" for number in range(others)]
    domains = {".".join(name.split(".")[-2:]) for name in (*asked, *unrelated)}
    return Traits(
        host="02:00:00:00:00:01",
        mac=b"\2\0\0\0\0\1",
        addresses=(ip_address("10.0.0.5").packed,),
        queried={name: frame for frame, name in enumerate([*asked, *unrelated], start=7)},
        contacts=Contacts.of(contacts),
        registered_domains=len(domains),
        sent_tcp=any(contact.transport == "tcp" for contact in contacts),
        **more,
    )
