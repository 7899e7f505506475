"""How a signature file must look. Every scalar arrives as text; unknown keys are refused.

The JSON Schema of the format, for editors, is made from these classes: see ``json_schema``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from pcapaudit.catalog.scalars import (
    FACT_ID,
    as_list,
    as_text,
    parse_address,
    parse_fact,
    parse_flag,
    parse_host,
    parse_network,
    parse_number,
    parse_ports,
    parse_sizes,
    wrong,
)
from pcapaudit.catalog.schema import Address, App, HostPattern, HostsGroup, Network, Range
from pcapaudit.model.words import Direction, Stage, When

_TEXT_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1}
_FACT_SCHEMA: dict[str, Any] = {"type": "string", "pattern": FACT_ID}
_PORT_SCHEMA: dict[str, Any] = {"type": ["integer", "string"]}


def _one_or_more(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


Text = Annotated[str, PlainValidator(as_text), WithJsonSchema(_TEXT_SCHEMA)]
Flag = Annotated[bool, PlainValidator(parse_flag), WithJsonSchema({"type": "boolean"})]
Number = Annotated[float, PlainValidator(parse_number), WithJsonSchema({"type": "number", "minimum": 0})]
Fact = Annotated[str, PlainValidator(parse_fact), WithJsonSchema(_FACT_SCHEMA)]
Facts = Annotated[
    tuple[Fact, ...], Field(min_length=1), BeforeValidator(as_list), WithJsonSchema(_one_or_more(_FACT_SCHEMA))
]
Host = Annotated[HostPattern, PlainValidator(parse_host)]
Hosts = Annotated[
    tuple[Host, ...], Field(min_length=1), BeforeValidator(as_list), WithJsonSchema(_one_or_more(_TEXT_SCHEMA))
]
Port = Annotated[Range, PlainValidator(parse_ports)]
Ports = Annotated[
    tuple[Port, ...], Field(min_length=1), BeforeValidator(as_list), WithJsonSchema(_one_or_more(_PORT_SCHEMA))
]
PortsOrParam = Annotated[
    tuple[Text, ...], Field(min_length=1), BeforeValidator(as_list), WithJsonSchema(_one_or_more(_PORT_SCHEMA))
]
PortRange = Annotated[Range, PlainValidator(parse_ports), WithJsonSchema(_PORT_SCHEMA)]
Sizes = Annotated[Range, PlainValidator(parse_sizes), WithJsonSchema(_PORT_SCHEMA)]
Networks = Annotated[
    tuple[Annotated[Network, PlainValidator(parse_network)], ...],
    Field(min_length=1),
    BeforeValidator(as_list),
    WithJsonSchema(_one_or_more(_TEXT_SCHEMA)),
]
Addresses = Annotated[
    tuple[Annotated[Address, PlainValidator(parse_address)], ...],
    Field(min_length=1),
    BeforeValidator(as_list),
    WithJsonSchema(_one_or_more(_TEXT_SCHEMA)),
]
Stages = Annotated[
    tuple[Stage, ...],
    Field(min_length=1),
    BeforeValidator(as_list),
    WithJsonSchema(_one_or_more({"type": "string", "enum": [str(stage) for stage in Stage]})),
]


class Form(BaseModel):
    """What all parts of the format share: frozen, and no key that the format does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=False)


class Sourced(Form):
    """A statement with the fact ids it rests on."""

    from_: Facts = Field(alias="from")


class MaybeSourced(Form):
    """A statement that may stand without a fact id of its own."""

    from_: Facts = Field(default=(), alias="from")


class PaperForm(Form):
    """Title and date of the vendor's paper."""

    title: Text
    dated: Text


class ThenForm(Form):
    """Where a host went after it had asked for a name."""

    tcp: Ports = ()
    udp: Ports = ()

    @model_validator(mode="after")
    def _names_one_transport(self) -> Self:
        if bool(self.tcp) == bool(self.udp):
            raise wrong("'then' names either tcp or udp ports", "write then: {tcp: 443}")
        return self


class SignForm(Sourced):
    """One sign; exactly one thing to look at, and what narrows it."""

    host: Hosts = ()
    then: ThenForm | None = None
    dns_query: Hosts = ()
    after_lease: Hosts = ()
    sni: Hosts = ()
    http_host: Hosts = ()
    tcp: Ports = ()
    udp: Ports = ()
    inbound: ThenForm | None = None
    address: Networks = ()
    private: Flag = False
    payload: Sizes | None = None
    source_port: PortRange | None = None
    assumed: Flag = False

    @model_validator(mode="after")
    def _looks_at_one_thing(self) -> Self:
        subjects = {
            "host": self.host,
            "dns_query": self.dns_query,
            "after_lease": self.after_lease,
            "sni": self.sni,
            "http_host": self.http_host,
            "tcp": self.tcp,
            "udp": self.udp,
            "inbound": self.inbound,
        }
        given = [name for name, value in subjects.items() if value]
        if len(given) > 1 or not (given or self.address):
            raise wrong("a sign looks at one thing", f"give one of {', '.join(subjects)}, address")
        if (self.then is None) == bool(self.host):
            raise wrong("'host' and 'then' belong together", "write {host: [name], then: {tcp: 443}}")
        narrowed = self.payload or self.source_port or self.private or (self.address and given)
        if narrowed and given not in (["tcp"], ["udp"]):
            raise wrong("address, private, payload and source_port narrow a tcp or udp sign only")
        return self


class IdentifyForm(Form):
    """How the product is recognised."""

    strong: tuple[SignForm, ...] = ()
    weak: tuple[SignForm, ...] = ()
    never: tuple[SignForm, ...] = ()
    among_others: Flag = False

    @model_validator(mode="after")
    def _can_succeed(self) -> Self:
        if not self.strong and len(self.weak) < 2:
            raise wrong("nothing can be recognised by this", "give one strong sign, or two weak ones")
        return self


class AddressForm(Sourced):
    """How the product gets its address."""

    dhcp: Literal["required", "optional", "not_used"]


class ResolversForm(Sourced):
    """Name servers that the product asks beside the site's own."""

    extra: Addresses
    any_of: Flag = True


class StageForm(Sourced):
    """A rung of the ladder that is not a hard one for this product."""

    is_: Literal["not_applicable", "soft", "hard"] = Field(alias="is")


class EndpointForm(Form):
    """Transport and port, or the name of a parameter in place of the port."""

    tcp: PortsOrParam = ()
    udp: PortsOrParam = ()
    icmp: Flag = False
    app: App | None = None
    encrypted: Flag | None = None

    @model_validator(mode="after")
    def _names_one_transport(self) -> Self:
        if bool(self.tcp) + bool(self.udp) + self.icmp != 1:
            raise wrong("an endpoint names one transport", "write {tcp: 443}, {udp: 123} or {icmp: true}")
        return self


Endpoints = Annotated[tuple[EndpointForm, ...], Field(min_length=1)]


class NeedForm(MaybeSourced):
    """One service that the product uses."""

    id: Fact
    what: Text
    any_of: Endpoints | None = None
    all_of: Endpoints | None = None
    hosts: Hosts = ()
    hosts_group: HostsGroup = "any"
    addresses: Networks = ()
    required: Flag = True
    direction: Direction = Direction.OUT
    when: When
    persistent: Flag = False
    expects_answer: Flag = True
    expects_private_address: Flag = False
    payload: Sizes | None = None
    source_ports: PortRange | None = None
    soft: Flag = False
    assumed: Flag = False
    note: Text | None = None

    @model_validator(mode="after")
    def _has_one_group(self) -> Self:
        if (self.any_of is None) == (self.all_of is None):
            raise wrong("a need has either any_of or all_of", "write any_of: [{tcp: 443}]")
        return self


class ParamForm(Sourced):
    """A value that only the customer knows."""

    kind: Literal["port"]
    range: PortRange
    what: Text


class ForbidForm(Sourced):
    """Traffic that the product never sends."""

    transport: Literal["tcp", "udp"]


class ConditionForm(Form):
    """Stages of which one failed, and stages that all work."""

    failed: Stages = ()
    ok: Stages = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.failed and not self.ok:
            raise wrong("a condition names stages", "write when: {failed: [dns]} or when: {ok: [connect]}")
        return self


class LedForm(Sourced):
    """One line of the LED table."""

    shows: Text
    when: ConditionForm | None = None
    means: Text | None = None
    remedy: Text | None = None


class LogForm(Sourced):
    """One line of the event log."""

    says: Text
    when: ConditionForm | None = None
    means: Text | None = None
    remedy: Text | None = None


class RemedyForm(Sourced):
    """What to do, in the vendor's terms."""

    text: Text


class AssumedForm(MaybeSourced):
    """What no paper states."""

    what: Text


class FactForm(Sourced):
    """A statement of the paper that no other part of the file needs."""

    what: Text


class ExampleForm(Form):
    """A capture and the rules that must fire there as a cause."""

    capture: Text
    finds: tuple[Text, ...] = ()


class SignatureForm(Form):
    """A whole file."""

    format: Literal["1"] = Field(alias="schema", json_schema_extra={"const": 1, "type": "integer"})
    vendor: Text
    product: Text
    paper: PaperForm
    incomplete: Text | None = None
    identify: IdentifyForm
    address: AddressForm
    resolvers: ResolversForm | None = None
    stages: dict[Stage, StageForm] = Field(default_factory=dict)
    needs: tuple[NeedForm, ...] = Field(min_length=1)
    params: dict[str, ParamForm] = Field(default_factory=dict)
    forbids: tuple[ForbidForm, ...] = ()
    led: tuple[LedForm, ...] = ()
    log: tuple[LogForm, ...] = ()
    remedies: dict[str, RemedyForm] = Field(default_factory=dict)
    thresholds: dict[str, Number] = Field(default_factory=dict)
    walks_servers: Flag = False
    assumed: tuple[AssumedForm, ...] = ()
    facts: tuple[FactForm, ...] = ()
    examples: tuple[ExampleForm, ...] = ()


def json_schema() -> dict[str, Any]:
    """JSON Schema of a signature file, for editors that check YAML while one types."""
    schema = SignatureForm.model_json_schema(by_alias=True)
    schema["title"] = "Signature of pcapaudit"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:pcapaudit:signature:1", **schema}
