"""Names of link types: the number in a capture's header says what every frame begins with.

Source: the registry of LINKTYPE_ values of the tcpdump group, and the short names that capinfos prints.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[int, str] = {
    0: "NULL",
    1: "ETHERNET",
    2: "EXP_ETHERNET",
    3: "AX25",
    6: "IEEE802_5",
    7: "ARCNET_BSD",
    8: "SLIP",
    9: "PPP",
    10: "FDDI",
    12: "RAW",
    14: "RAW",
    50: "PPP_HDLC",
    51: "PPP_ETHER",
    99: "SYMANTEC_FIREWALL",
    100: "ATM_RFC1483",
    101: "RAW",
    104: "C_HDLC",
    105: "IEEE802_11",
    107: "FRELAY",
    108: "LOOP",
    109: "ENC",
    113: "LINUX_SLL",
    114: "LTALK",
    117: "PFLOG",
    119: "IEEE802_11_PRISM",
    122: "IP_OVER_FC",
    123: "SUNATM",
    127: "IEEE802_11_RADIOTAP",
    129: "ARCNET_LINUX",
    138: "APPLE_IP_OVER_IEEE1394",
    140: "MTP2",
    141: "MTP3",
    143: "DOCSIS",
    144: "LINUX_IRDA",
    147: "USER0",
    163: "IEEE802_11_AVS",
    165: "BACNET_MS_TP",
    166: "PPP_PPPD",
    169: "GPRS_LLC",
    177: "LINUX_LAPD",
    187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX",
    192: "PPI",
    195: "IEEE802_15_4_WITHFCS",
    197: "ERF",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    203: "LAPD",
    204: "PPP_WITH_DIR",
    205: "C_HDLC_WITH_DIR",
    206: "FRELAY_WITH_DIR",
    209: "IPMB_LINUX",
    215: "IEEE802_15_4_NONASK_PHY",
    220: "USB_LINUX_MMAPPED",
    224: "FC_2",
    226: "IPNET",
    227: "CAN_SOCKETCAN",
    228: "IPV4",
    229: "IPV6",
    230: "IEEE802_15_4_NOFCS",
    231: "DBUS",
    235: "DVB_CI",
    236: "MUX27010",
    239: "NFLOG",
    240: "NETANALYZER",
    241: "NETANALYZER_TRANSPARENT",
    242: "IPOIB",
    243: "MPEG_2_TS",
    244: "NG40",
    245: "NFC_LLCP",
    247: "INFINIBAND",
    248: "SCTP",
    249: "USBPCAP",
    250: "RTAC_SERIAL",
    251: "BLUETOOTH_LE_LL",
    253: "NETLINK",
    258: "PKTAP",
    259: "EPON",
    266: "USB_DARWIN",
    270: "LORATAP",
    271: "VSOCK",
    272: "NORDIC_BLE",
    274: "ETHERNET_MPACKET",
    276: "LINUX_SLL2",
    283: "IEEE802_15_4_TAP",
}
"""Number -> name without the LINKTYPE_ in front. 12 and 14 are what some systems write for RAW (101)."""

CAPINFOS_NAMES: Mapping[int, str] = {
    0: "null",
    1: "ether",
    2: "xeth",
    6: "tr",
    8: "slip",
    9: "ppp",
    10: "fddi-swapped",
    12: "rawip",
    14: "rawip",
    50: "ppp",
    101: "rawip",
    104: "chdlc",
    105: "ieee-802-11",
    107: "frelay",
    108: "loop",
    113: "linux-sll",
    119: "ieee-802-11-prism",
    127: "ieee-802-11-radiotap",
    163: "ieee-802-11-avs",
    228: "rawip4",
    229: "rawip6",
    239: "nflog",
    253: "netlink",
    276: "linux-sll2",
}
"""Number -> what ``capinfos -E`` calls it (Wireshark's "encapsulation")."""


def name_of(link: int) -> str:
    """Give a link type's name, such as ``ETHERNET``; ``LINKTYPE_<n>`` for a number without one."""
    return NAMES.get(link, f"LINKTYPE_{link}")


def numbers_of(name: str) -> tuple[int, ...]:
    """Give the numbers that bear a name, of either kind, smallest first; empty for an unknown name."""
    written = _read_number(name)
    if written is not None:
        return (written,)
    return tuple(link for table in (NAMES, CAPINFOS_NAMES) for link, known in table.items() if known == name)


def _read_number(name: str) -> int | None:
    head, _, digits = name.partition("_")
    if head != "LINKTYPE" or not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        return None
    return int(digits) if int(digits) <= 0xFFFF else None


def capinfos_name(link: int) -> str:
    """Give the name that capinfos prints for a link type; ``unknown`` where we know none."""
    return CAPINFOS_NAMES.get(link, "unknown")
