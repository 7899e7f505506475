"""The closed vocabularies of the report: one word per thing, as printed in the document.

Every enum is a ``str``: its value is the word of the JSON document. The order of the members
matters where the docstring says so.
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Rungs of the ladder, in the order in which a device climbs them (catalogue, section 14.1)."""

    LINK = "link"
    DHCP = "dhcp"
    GATEWAY = "gateway"
    DNS = "dns"
    TIME = "time"
    CONNECT = "connect"
    TLS = "tls"
    APP = "app"
    RETURN = "return"
    PERSIST = "persist"


STAGES: tuple[Stage, ...] = tuple(Stage)
"""All stages, in ladder order."""


class State(StrEnum):
    """State of a stage, a need or an endpoint (catalogue, section 14.1)."""

    OK = "ok"
    IMPLIED = "implied"
    DEGRADED = "degraded"
    FAILED = "failed"
    NOT_OBSERVED = "not_observed"
    NOT_REACHED = "not_reached"
    NOT_APPLICABLE = "not_applicable"


WORST_FIRST: tuple[State, ...] = (
    State.FAILED,
    State.NOT_REACHED,
    State.NOT_OBSERVED,
    State.DEGRADED,
    State.IMPLIED,
    State.OK,
    State.NOT_APPLICABLE,
)
"""How states are combined over several needs: the first one that occurs wins."""


class Verdict(StrEnum):
    """Verdict of a device, from best to worst (the order of ``--fail-on``)."""

    HEALTHY = "healthy"
    UNDECIDED = "undecided"
    DEGRADED = "degraded"
    FAILED = "failed"


VERDICTS: tuple[Verdict, ...] = tuple(Verdict)
"""All verdicts, best first."""


class Outcome(StrEnum):
    """What a rule says when it fires."""

    FAILED = "failed"
    DEGRADED = "degraded"
    NOTE = "note"
    UNDECIDABLE = "undecidable"


class Severity(StrEnum):
    """Weight of a finding after combining, in SARIF's words."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Role(StrEnum):
    """What a finding is to its device after combining."""

    CAUSE = "cause"
    CONSEQUENCE = "consequence"
    NOTE = "note"


class MarkKind(StrEnum):
    """What happened at one moment of a device's timeline."""

    ASKED = "asked"
    UNANSWERED = "unanswered"
    ANSWERED = "answered"
    REFUSED = "refused"


class RuleState(StrEnum):
    """What came of a rule that was put to a device."""

    FIRED = "fired"
    QUIET = "quiet"
    CANNOT_TELL = "cannot_tell"


class Result(StrEnum):
    """What came of a need or an endpoint. The document's field is open: a packet may say more."""

    WORKS = "works"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    """A reset came back."""
    REJECTED = "rejected"
    """An ICMP error came back."""
    NAME_FAILS = "name_fails"
    NO_DATA = "no_data"
    LOGIN_FAILS = "login_fails"
    NOT_ATTEMPTED = "not_attempted"
    CANNOT_TELL = "cannot_tell"


class Identification(StrEnum):
    """By what a device was recognised, strongest sign of the packets first."""

    NAME = "name"
    SHAPE = "shape"
    ADDRESS = "address"
    ENGINEER = "engineer"


class Vantage(StrEnum):
    """On which side of the address translation the frames were taken."""

    LAN = "lan"
    WAN = "wan"
    BOTH = "both"
    ENDPOINT = "endpoint"


class Directions(StrEnum):
    """Which directions of the devices' traffic a capture holds."""

    BOTH = "both"
    ONE = "one"
    PARTLY = "partly"
    """Both for some devices, VLANs or protocols, one for others."""


class Direction(StrEnum):
    """Who opens the conversation of a need, seen from the device."""

    OUT = "out"
    IN = "in"


class When(StrEnum):
    """When a device uses a need."""

    ALWAYS = "always"
    BOOT = "boot"
    PERIODIC = "periodic"
    ON_DEMAND = "on_demand"


class Group(StrEnum):
    """How many endpoints of a need must work."""

    ANY = "any"
    ALL = "all"


class HealthState(StrEnum):
    """How sure a statement on the capture's health is."""

    PROVEN = "proven"
    SUSPECTED = "suspected"


class IndicatorKind(StrEnum):
    """Where a device shows its state."""

    LED = "led"
    LOG = "log"


class Addressee(StrEnum):
    """To whom a remedy speaks (catalogue, section 14.5a)."""

    FIREWALL = "firewall"
    INSPECTION = "inspection"
    LAN = "lan"
    DNS = "dns"
    VENDOR = "vendor"
    SITE = "site"
    """Whoever stands at the device."""
    CAPTURE = "capture"
    """Whoever takes the next capture."""


class Action(StrEnum):
    """What a request asks to be done."""

    ALLOW = "allow"
    """Let traffic out, with the replies to it."""
    EXEMPT = "exempt"
    """Leave traffic alone that is inspected, or a device that has to log in."""
    KEEP = "keep"
    """Keep connections that are idle."""
    CHECK = "check"
    """Look at a part of the network, a name or a server."""

    @property
    def makes_rule(self) -> bool:
        """Whether whoever does it makes a rule for this traffic."""
        return self is not Action.CHECK


def confidence_words(confidence: int) -> str:
    """Words for a stage's confidence, 0 to 100. Source: catalogue, section 14.3."""
    if confidence >= 85:
        return "proven by the capture"
    if confidence >= 60:
        return "very likely"
    return "possible" if confidence >= 35 else "weak hint"


def weight_words(weight: int) -> str:
    """Words for the weight of one possible cause. Source: catalogue, section 14.3."""
    if weight >= 30:
        return "likely"
    return "possible" if weight >= 15 else "undecided"
