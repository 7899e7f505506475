"""What the words of a report mean, for a reader who does not know the protocols."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+(?:[.-]\w+)*")
"""A word with what hangs on it, so that neither a rule's id nor a host's name is taken for its parts."""

_MEANINGS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("frame", ("frame", "frames"), "one packet of the capture; its number is the one that Wireshark shows"),
    ("mirror point", ("mirror",), "the place in the network where the capture was taken"),
    ("802.1X", ("802.1X",), "a switch port that lets only those in who prove who they are"),
    ("MAC", ("MAC",), "the hardware address of a network interface"),
    ("VLAN", ("VLAN", "VLANs"), "one of several networks that share the same switches"),
    ("broadcast", ("broadcast", "broadcasts"), "a packet to everybody in the same network"),
    ("ARP", ("ARP",), "the question who in the same network has an address, and the answer to it"),
    ("DHCP", ("DHCP",), "gives a device its address, its router and its DNS servers"),
    ("lease", ("lease", "leases"), "what DHCP gives, for a limited time"),
    ("DISCOVER", ("DISCOVER", "DISCOVERs"), "a device's call for any DHCP server; the first of DHCP's four steps"),
    ("OFFER", ("OFFER", "OFFERs"), "a DHCP server's offer of an address; the second step"),
    ("REQUEST", ("REQUEST", "REQUESTs"), "the device asks for the offered address; the third step"),
    ("ACK", ("ACK", "ACKs"), "the DHCP server grants the address; the last step"),
    ("NAK", ("NAK", "NAKs"), "the DHCP server refuses the address"),
    ("relay", ("relay", "relays"), "a router that passes DHCP on to a server in another network"),
    ("DNS", ("DNS",), "finds the address that belongs to a name"),
    ("resolver", ("resolver", "resolvers"), "the DNS server that the device asks"),
    ("EDNS", ("EDNS",), "an extension of DNS, for large answers"),
    ("NTP", ("NTP", "SNTP"), "gives a device the time"),
    ("TCP", ("TCP",), "data over a connection that both sides open first; the number is the port: the service"),
    ("UDP", ("UDP",), "single packets without a connection; the number is the port: which service is meant"),
    ("datagram", ("datagram", "datagrams"), "one UDP packet"),
    ("SYN", ("SYN", "SYNs"), "the packet that asks for a TCP connection"),
    ("SYN-ACK", ("SYN-ACK", "SYN-ACKs"), "the answer that accepts a TCP connection"),
    ("handshake", ("handshake", "handshakes"), "the first packets, by which both sides agree on a connection"),
    ("reset", ("reset", "resets", "RST"), "the packet that refuses a TCP connection, or breaks it off at once"),
    ("FIN", ("FIN",), "the packet that ends a TCP connection in good order"),
    ("segment", ("segment", "segments"), "a piece of the data of a TCP connection"),
    ("ICMP", ("ICMP",), "messages of routers and hosts about packets that they could not deliver"),
    ("TTL", ("TTL",), "a count that each router lowers by one: it tells how many routers a packet has passed"),
    ("stateful", ("stateful",), "of a firewall: it lets the answers to what it allowed back in by itself"),
    (
        "translation",
        ("translation", "translator"),
        "a router puts its own address in the place of the devices behind it",
    ),
    ("proxy", ("proxy",), "a server that makes connections in the place of the device"),
    ("portal", ("portal",), "a page that a network shows first to whoever has not logged in or agreed"),
    ("TLS", ("TLS",), "encrypts a connection, and proves by a certificate who the server is"),
    ("greeting", ("greeting",), "the first message of TLS; boxes on the way can read the server's name in it"),
    ("certificate", ("certificate", "certificates"), "proves in TLS who somebody is; an authority has signed it"),
    ("inspection", ("inspection",), "a box on the way opens the encryption and shows a certificate of its own"),
    ("alert", ("alert",), "the message by which TLS says why it gives up"),
    ("HTTP", ("HTTP",), "the language of web servers; as an answer, 4xx refuses, 5xx is the server's fault"),
    ("websocket", ("websocket", "websockets"), "begins as a web request and stays open for messages both ways"),
    ("FTP", ("FTP",), "carries files; for each it opens a second connection, to or from another port"),
    ("signature", ("signature",), "the description by which pcapaudit knows a product"),
)
"""Each word, the forms in which it stands in a report, and its meaning; from the cable up."""


def explain_words(text: str) -> Sequence[tuple[str, str]]:
    """The words of a text or page that not everybody knows, each with its meaning; from the cable up."""
    said = set(_WORD.findall(text))
    return [(word, meaning) for word, forms, meaning in _MEANINGS if not said.isdisjoint(forms)]
