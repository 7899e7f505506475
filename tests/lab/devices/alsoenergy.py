"""AlsoEnergy's boxes as their paper describes them: datalogger, SMA FTP uploader, kiosk."""

from __future__ import annotations

import contextlib
import ftplib
import io
import itertools
import os
import random
import time

from tests.lab.devices.host import Host, post

_LOGGER_HOSTS = ("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com")
_LOGGER_TIME = ("time.windows.com", "time.nist.gov")
_FTP_HOST = "smaftpdm.alsoenergy.com"
_KIOSK_HOST = "www.AlsoEnergy.com"
_KIOSK_TIME = "pool.ntp.org"


def run_logger(host: Host) -> None:
    """Set the clock (ALS-08, ALS-09), then post readings to one host after the other."""
    host.take_lease()
    clocks = itertools.cycle(_LOGGER_TIME)
    for turn, name in enumerate(itertools.cycle(_LOGGER_HOSTS)):
        if turn % 3 == 0:
            host.set_clock(next(clocks))
        for address in host.resolve(name)[:1]:
            with contextlib.suppress(OSError), host.open_tls(name, address, 443, newest=False) as server:
                post(server, name, "/data", os.urandom(random.randint(200, 600)))
        time.sleep(10)


def run_ftp_uploader(host: Host) -> None:
    """Log in and store a file in passive mode, again and again (ALS-20)."""
    host.take_lease()
    for number in itertools.count(1):
        for address in host.resolve(_FTP_HOST)[:1]:
            with contextlib.suppress(OSError, ftplib.Error):
                _upload(address, f"Mean.{number:08d}.xml")
        time.sleep(10)


def _upload(address: str, name: str) -> None:
    with ftplib.FTP(timeout=8) as control:
        control.connect(address, 21)
        control.login("sma", "lab-only")
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                control.storbinary(f"STOR {name}", io.BytesIO(b"<WebBox/>" * 150))
                return


def run_kiosk(host: Host) -> None:
    """Follow the numbered start-up order of the paper (ALS-41 to ALS-45)."""
    host.take_lease()
    addresses = host.resolve(_KIOSK_HOST)
    host.set_clock(_KIOSK_TIME)
    identity = f"mac={host.settings['mac']}&version=4.1.7".encode()
    for turn in itertools.count():
        for address in addresses[:1]:
            with contextlib.suppress(OSError):
                _report(host, address, identity if turn == 0 else os.urandom(300))
        time.sleep(12)
        if turn % 3 == 2:
            host.set_clock(_KIOSK_TIME)


def _report(host: Host, address: str, body: bytes) -> None:
    """Announce the box by HTTP and send its data by HTTPS (ALS-46, ALS-47)."""
    with host.open_tcp(address, 80, wait_s=10) as plain:
        post(plain, _KIOSK_HOST, "/aews/hello", body[:60])
    with host.open_tls(_KIOSK_HOST.lower(), address, 443, newest=False) as server:
        post(server, _KIOSK_HOST, "/aews/data", body)
