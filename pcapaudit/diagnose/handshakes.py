"""TLS handshakes that the device breaks off without saying why."""

from __future__ import annotations

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.proof import TLS13
from pcapaudit.diagnose.silence import end_by, said_unseen
from pcapaudit.flows.streams import distance
from pcapaudit.model.events import Packet, TlsAlert, TlsCertificates, TlsRecords, TlsServerHello

OWN_TIMEOUT_S = 5.0
"""A device that closes later has waited for something and given up (catalogue, TLS-NO-SERVERHELLO)."""


def broken_off(attempt: Attempt) -> Packet | None:
    """The packet by which a device closes right behind the server's flight, having sent nothing more of its own.

    Several stacks refuse a certificate so: neither an alert nor a Finished follows, the connection just
    ends (seen with OpenSSL below Node.js and with Java's HttpClient under TLS 1.3).

    None when the flight may be unfinished: no certificate yet, bytes that the device never acknowledged,
    or a close so late that it is the device's own time-out.
    """
    last = _end_of_flight(attempt)
    if last is None or _has_gone_on(attempt) or any(isinstance(e, TlsAlert) for e in attempt.events):
        return None
    closed, by_server = (end_by(attempt.flow, last, device=side) for side in (True, False))
    if closed is None or (by_server is not None and by_server.frame < closed.frame):
        return None
    if said_unseen(attempt.flow, closed):
        return None
    is_prompt = closed.time_ns - last.time_ns < ns(OWN_TIMEOUT_S)
    has_all = distance(closed.ack, (last.seq + last.payload_len) % (1 << 32)) >= 0
    return closed if is_prompt and has_all else None


def _end_of_flight(attempt: Attempt) -> Packet | None:
    """The server's last packet, when its flight holds a certificate: in the clear, or encrypted as TLS 1.3 has it."""
    events = attempt.events
    hidden = any(isinstance(e, TlsServerHello) and e.version >= TLS13 for e in events) and any(
        isinstance(e, TlsRecords) and not e.from_client and e.application for e in events
    )
    shown = any(isinstance(e, TlsCertificates) and not e.from_client and e.chain for e in events)
    received = attempt.flow.received_data
    return received[-1] if received and (hidden or shown) else None


def _has_gone_on(attempt: Attempt) -> bool:
    """Whether the device sent more than its greetings: a key exchange, a Finished, early data.

    The change of cipher that TLS 1.3 sends for the sake of old boxes says nothing (RFC 8446, appendix D.4).
    """
    own = next((e for e in attempt.events if isinstance(e, TlsRecords) and e.from_client), None)
    is_1_3 = any(isinstance(e, TlsServerHello) and e.version >= TLS13 for e in attempt.events)
    if own is None:
        return True
    # TLS 1.3 may ask for a second greeting (RFC 8446, section 4.1.4).
    has_spoken = own.handshake > (2 if is_1_3 else 1) or (own.change_cipher and not is_1_3)
    return bool(own.application or own.encrypted_alerts or has_spoken)
