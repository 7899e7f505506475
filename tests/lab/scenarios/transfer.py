"""FTP in all its modes: passive, extended, active, behind address translation, refused and blocked."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import ALSOENERGY_FTP
from tests.lab.scenario import Box, Check, Event, Expected, Helper, Scenario
from tests.lab.scenarios.cast import OFFICE, PASSES_ALL, UPLOADER, lease
from tests.lab.servers import programs

_HOST = "smaftpdm.alsoenergy.com"
_DATA_PORTS = f"ip daddr {ALSOENERGY_FTP} tcp dport != 21"
_DATA_SYN = (
    f"tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == {UPLOADER.ip} && tcp.dstport != 21"
    " && tcp.dstport != 443 && tcp.dstport != 80"
)
_FROM_DATA_PORT = f"tcp && ip.src == {ALSOENERGY_FTP} && ip.dst == {UPLOADER.ip} && tcp.srcport != 21"
_PLACE = f"{ALSOENERGY_FTP}:21"
_INSTEAD = {_PLACE: "none"}
_REAL = programs.pure_ftpd(ALSOENERGY_FTP)


def uploader(**settings: str) -> Box:
    """An SMA uploader with settings of its own."""
    return replace(UPLOADER, settings=settings)


def _said(code: int, times: int = 2) -> Check:
    return Check(f"ftp.response.code == {code} && ip.dst == {UPLOADER.ip}", at_least=times)


def _story(
    name: str,
    title: str,
    rule: str | None,
    *checks: Check,
    box: Box = UPLOADER,
    kind: str = "",
    helpers: tuple[Helper, ...] = (),
    drops: tuple[str, ...] = (),
    events: tuple[Event, ...] = (),
    firewall: str = PASSES_ALL,
) -> Scenario:
    """An uploader that fails with a rule at stage APP, or does well when there is none."""
    verdict = Expected(box, "alsoenergy/smaftp")
    if rule:
        verdict = Expected(box, "alsoenergy/smaftp", "failed", "app", rule, endpoints=(_HOST, ALSOENERGY_FTP))
    return Scenario(
        name=f"ftp-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; the uploader tries again and again.",
        firewall=firewall,
        boxes=(OFFICE, box),
        expected=(verdict,),
        checks=(lease(box), *checks),
        seconds=80,
        drops=drops,
        helpers=helpers,
        events=events,
        servers={_PLACE: kind} if kind else (_INSTEAD if helpers else {}),
    )


LOGIN_REFUSED = _story(
    "login-refused",
    "the FTP server refuses the login",
    "FTP-CONTROL-FAIL",
    _said(530, 3),
    helpers=(programs.pure_ftpd(ALSOENERGY_FTP, password="another"),),
)
LOGIN_REFUSED_CURL = _story(
    "login-refused-curl",
    "another FTP server refuses the login of an uploader with curl",
    "FTP-CONTROL-FAIL",
    _said(530, 3),
    box=uploader(client="curl"),
    kind="ftp-refuses-login",
)
FULL = _story(
    "server-full",
    "the FTP server greets with 421, too many connections",
    "FTP-CONTROL-FAIL",
    _said(421, 3),
    kind="ftp-full",
)
NO_GREETING = _story(
    "no-greeting",
    "the FTP server accepts the connection and never greets",
    "FTP-CONTROL-FAIL",
    Check(f"tcp.srcport == 21 && tcp.len > 0 && ip.dst == {UPLOADER.ip}", at_most=0),
    kind="silent",
)
PASSIVE_BLOCKED = _story(
    "pasv-data-dropped",
    "the firewall drops the passive data connections to pure-ftpd",
    "FTP-DATA-BLOCKED",
    _said(227),
    Check(_DATA_SYN, at_least=6),
    Check(_FROM_DATA_PORT, at_most=0),
    helpers=(_REAL,),
    drops=(f"{_DATA_PORTS} drop",),
    firewall="drops every TCP port but 21 to the FTP server without a word",
)
EXTENDED_BLOCKED = _story(
    "epsv-data-dropped",
    "the firewall drops the data connections that follow EPSV",
    "FTP-DATA-BLOCKED",
    _said(229),
    Check(_DATA_SYN, at_least=6),
    Check(_FROM_DATA_PORT, at_most=0),
    box=uploader(client="curl"),
    helpers=(_REAL,),
    drops=(f"{_DATA_PORTS} drop",),
    firewall="drops every TCP port but 21 to the FTP server without a word",
)
DATA_RESET = _story(
    "pasv-data-reset",
    "the firewall answers the data connections with resets",
    "FTP-DATA-BLOCKED",
    Check(_DATA_SYN, at_least=3),
    Check(f"{_FROM_DATA_PORT} && tcp.flags.reset == 1", at_least=3),
    box=uploader(client="lftp"),
    helpers=(_REAL,),
    drops=(f"{_DATA_PORTS} reject with tcp reset",),
    firewall="answers every TCP port but 21 to the FTP server with a reset",
)
DATA_REJECTED = _story(
    "epsv-data-rejected",
    "the firewall rejects the data connections by ICMP",
    "FTP-DATA-BLOCKED",
    Check(_DATA_SYN, at_least=3),
    Check(f"icmp.type == 3 && icmp.code == 13 && ip.dst == {UPLOADER.ip}", at_least=3),
    box=uploader(client="curl"),
    drops=(f"{_DATA_PORTS} reject with icmp type admin-prohibited",),
    firewall="rejects every TCP port but 21 to the FTP server with ICMP, administratively prohibited",
)
PRIVATE = _story(
    "pasv-private-address",
    "the server announces its private address, and the device goes there",
    "FTP-PASV-PRIVATE",
    _said(227),
    Check(f"{_DATA_SYN} && ip.dst == 192.168.10.5", at_least=4),
    box=uploader(mode="trusting"),
    helpers=(programs.pure_ftpd(ALSOENERGY_FTP, "-P", "192.168.10.5"),),
    drops=("ip daddr 192.168.10.5 drop",),
)
PRIVATE_LFTP = _story(
    "pasv-private-address-lftp",
    "the server announces its private address, and lftp goes there",
    "FTP-PASV-PRIVATE",
    _said(227),
    Check(f"{_DATA_SYN} && ip.dst == 192.168.10.5", at_least=3),
    box=uploader(mode="trusting", client="lftp"),
    kind="ftp-private",
    drops=("ip daddr 192.168.10.5 drop",),
)
PRIVATE_IGNORED = _story(
    "pasv-private-ignored",
    "the server announces its private address, and the device keeps to the public one",
    None,
    _said(227),
    _said(226),
    kind="ftp-private",
)
ACTIVE = _story(
    "active-behind-nat",
    "the device asks the server to call back at its private address",
    "FTP-ACTIVE-NAT",
    Check(f'ftp.request.command == "PORT" && ip.src == {UPLOADER.ip}', at_least=3),
    _said(200, 3),
    _said(425, 3),
    box=uploader(mode="active"),
)
ACTIVE_EXTENDED = _story(
    "eprt-behind-nat",
    "curl asks the server to call back at its private address by EPRT",
    "FTP-ACTIVE-NAT",
    Check(f'ftp.request.command == "EPRT" && ip.src == {UPLOADER.ip}', at_least=2),
    _said(425, 2),
    box=uploader(mode="active", client="curl"),
)
ACTIVE_REFUSED = _story(
    "active-refused",
    "pure-ftpd refuses to call back at a private address that is not the client's",
    "FTP-ACTIVE-NAT",
    Check(f'ftp.request.command == "PORT" && ip.src == {UPLOADER.ip}', at_least=3),
    _said(500, 3),
    box=uploader(mode="active"),
    helpers=(_REAL,),
)
ACTIVE_HELPED = _story(
    "active-with-helper",
    "the firewall's FTP helper makes active mode work",
    None,
    Check(f'ftp.request.command == "PORT" && ip.src == {UPLOADER.ip}', at_least=3),
    _said(226, 3),
    box=uploader(mode="active"),
    drops=("ct state related accept",),
    events=(programs.help_ftp(),),
    firewall="lets everything out and follows FTP",
)
HEALTHY_EXTENDED = _story(
    "healthy-epsv", "curl stores files by EPSV at pure-ftpd", None, _said(229, 3), _said(226, 3),
    box=uploader(client="curl"), helpers=(_REAL,),
)  # fmt: skip
HEALTHY_LFTP = _story(
    "healthy-lftp", "lftp stores files in passive mode at pure-ftpd", None, _said(227, 3), _said(226, 3),
    box=uploader(client="lftp"), helpers=(_REAL,),
)  # fmt: skip
HEALTHY_HELPED = _story(
    "healthy-with-helper",
    "the firewall lets only port 21 out, its FTP helper opens the data ports",
    None,
    _said(227, 3),
    _said(226, 3),
    helpers=(_REAL,),
    drops=("ct state related accept", f"ct state new {_DATA_PORTS} drop"),
    events=(programs.help_ftp(),),
    firewall="lets TCP 21 out and follows FTP; drops other ports to the FTP server",
)

ALL = (
    LOGIN_REFUSED,
    LOGIN_REFUSED_CURL,
    FULL,
    NO_GREETING,
    PASSIVE_BLOCKED,
    EXTENDED_BLOCKED,
    DATA_RESET,
    DATA_REJECTED,
    PRIVATE,
    PRIVATE_LFTP,
    PRIVATE_IGNORED,
    ACTIVE,
    ACTIVE_EXTENDED,
    ACTIVE_REFUSED,
    ACTIVE_HELPED,
    HEALTHY_EXTENDED,
    HEALTHY_LFTP,
    HEALTHY_HELPED,
)
