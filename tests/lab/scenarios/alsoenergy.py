"""AlsoEnergy datalogger, SMA FTP uploader and kiosk."""

from __future__ import annotations

from tests.lab.address_book import ALSOENERGY_FTP
from tests.lab.scenario import Check, Expected, Scenario
from tests.lab.scenarios.cast import KIOSK, LOGGER, OFFICE, PASSES_ALL, UPLOADER, lease, payload_to

_DATA_SYN = (
    f"tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == {UPLOADER.ip} && ip.dst == {ALSOENERGY_FTP}"
    " && tcp.dstport != 21"
)
_FROM_DATA_PORT = f"tcp && ip.src == {ALSOENERGY_FTP} && ip.dst == {UPLOADER.ip} && tcp.srcport != 21"

LOGGER_HEALTHY = Scenario(
    name="alsoenergy-logger-healthy",
    title="AlsoEnergy datalogger sets its clock and posts readings by HTTPS",
    story="The logger gets its lease, asks the time and posts to three hosts of its vendor in turn.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger"),),
    checks=(
        lease(LOGGER),
        Check(payload_to(LOGGER, 443), at_least=9),
        Check(f"ntp && ip.dst == {LOGGER.ip}", at_least=2),
    ),
)

FTP_HEALTHY = Scenario(
    name="alsoenergy-smaftp-healthy",
    title="SMA FTP uploader stores files in passive mode",
    story="The uploader logs in, opens the announced data port and stores a file, several times.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, UPLOADER),
    expected=(Expected(UPLOADER, "alsoenergy/smaftp"),),
    checks=(
        lease(UPLOADER),
        Check(f"ftp.response.code == 226 && ip.dst == {UPLOADER.ip}", at_least=3),
        Check(f"{_DATA_SYN}", at_least=3),
    ),
)

FTP_DATA_BLOCKED = Scenario(
    name="alsoenergy-smaftp-data-blocked",
    title="FTP login works, the firewall drops the data connection",
    story="Only port 21 is open, as the vendor's paper says; the announced data port gets no answer.",
    firewall="lets TCP 21 to the FTP server out and drops every other TCP port to it without a word",
    boxes=(OFFICE, UPLOADER),
    expected=(
        Expected(UPLOADER, "alsoenergy/smaftp", "failed", "app", "FTP-DATA-BLOCKED", endpoints=(ALSOENERGY_FTP,)),
    ),
    checks=(
        lease(UPLOADER),
        Check(f"ftp.response.code == 230 && ip.dst == {UPLOADER.ip}", at_least=2),
        Check(f"ftp.response.code == 227 && ip.dst == {UPLOADER.ip}", at_least=4),
        Check(_DATA_SYN, at_least=8),
        Check(_FROM_DATA_PORT, at_most=0),
    ),
    seconds=90,
    drops=(f"ip daddr {ALSOENERGY_FTP} tcp dport != 21 drop",),
)

KIOSK_HEALTHY = Scenario(
    name="alsoenergy-kiosk-healthy",
    title="AlsoEnergy kiosk follows its start-up order and reports",
    story="Lease, name, time, announcement with hardware address and version, then data again and again.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, KIOSK),
    expected=(Expected(KIOSK, "alsoenergy/kiosk"),),
    checks=(
        lease(KIOSK),
        Check(f'dns.qry.name == "www.AlsoEnergy.com" && ip.src == {KIOSK.ip}', at_least=1),
        Check(f"ntp && ip.dst == {KIOSK.ip}", at_least=1),
        Check(payload_to(KIOSK, 80), at_least=3),
        Check(payload_to(KIOSK, 443), at_least=6),
    ),
)
