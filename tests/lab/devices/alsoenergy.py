"""AlsoEnergy's boxes as their paper describes them: datalogger, SMA FTP uploader, kiosk."""

from __future__ import annotations

import contextlib
import ftplib
import http.client
import io
import itertools
import os
import random
import time

from tests.lab.devices import clients
from tests.lab.devices.host import Host, post

_LOGGER_HOSTS = ("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com")
_LOGGER_TIME = ("time.windows.com", "time.nist.gov")
_FTP_HOST = "smaftpdm.alsoenergy.com"
_KIOSK_HOST = "www.AlsoEnergy.com"
_KIOSK_TIME = "pool.ntp.org"


def run_logger(host: Host) -> None:
    """Set the clock (ALS-08, ALS-09), then post readings to one host after the other.

    Settings: ``client`` (``ssl``, ``curl``, ``gnutls``), ``tls`` (``1.2``, ``1.3``), ``proxy``, ``hosts``, and
    ``body`` (bytes).
    """
    host.take_lease()
    clocks = itertools.cycle(_LOGGER_TIME)
    chosen = host.settings.get("hosts", " ".join(_LOGGER_HOSTS)).split()
    for turn, name in enumerate(itertools.cycle(chosen)):
        if turn % 3 == 0:
            host.set_clock(next(clocks))
        if "proxy" in host.settings:
            _post_by_proxy(host, name)
        else:
            for address in host.resolve(name)[:1]:
                _post_reading(host, name, address)
        time.sleep(10)


def _post_by_proxy(host: Host, name: str) -> None:
    """Ask the proxy for a tunnel to the name; the proxy resolves it."""
    if host.settings.get("client") == "curl":
        clients.curl(host, f"https://{name}/data", body=os.urandom(300))
        return
    proxy, _, port = host.settings["proxy"].rpartition(":")
    tunnel = http.client.HTTPSConnection(proxy, int(port), timeout=10, context=host.tls_context())
    tunnel.set_tunnel(name, 443)
    with contextlib.suppress(OSError, http.client.HTTPException):
        tunnel.request("POST", "/data", os.urandom(300))
        tunnel.getresponse().read()
    tunnel.close()


def _post_reading(host: Host, name: str, address: str) -> None:
    body = os.urandom(int(host.settings.get("body", random.randint(200, 600))))
    client = host.settings.get("client", "ssl")
    if client == "curl":
        version = ("--tls-max", host.settings.get("tls", "1.2"))
        clients.curl_at(host, name, address, 443, "/data", *version, body=body)
    elif client == "gnutls":
        head = f"POST /data HTTP/1.1\r\nHost: {name}\r\nContent-Length: {len(body)}\r\n\r\n"
        clients.gnutls(host, name, address, 443, head.encode() + body)
    else:
        newest = host.settings.get("tls") == "1.3"
        with contextlib.suppress(OSError), host.open_tls(name, address, 443, newest=newest) as server:
            post(server, name, "/data", body)


def run_ftp_uploader(host: Host) -> None:
    """Log in and store a file, again and again (ALS-20).

    Settings: ``client`` (``ftplib``, ``curl``, ``lftp``), ``mode`` (``passive``, ``active``, ``safe``: inside TLS,
    ``trusting``: goes to whatever address the server announces).
    """
    host.take_lease()
    for number in itertools.count(1):
        for address in host.resolve(_FTP_HOST)[:1]:
            with contextlib.suppress(OSError, EOFError, ftplib.Error):
                _STORE[host.settings.get("client", "ftplib")](host, address, f"Mean.{number:08d}.xml")
        time.sleep(10)


class _TrustingFtp(ftplib.FTP):
    """As old clients did: goes to whatever address the server announces."""

    trust_server_pasv_ipv4_address = True


def _store_by_ftplib(host: Host, address: str, name: str) -> None:
    mode = host.settings.get("mode", "passive")
    with (_TrustingFtp if mode == "trusting" else ftplib.FTP)(timeout=8) as control:
        control.connect(address, 21)
        control.login("sma", "lab-only")
        control.set_pasv(mode != "active")
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                control.storbinary(f"STOR {name}", io.BytesIO(b"<WebBox/>" * 150))
                return


def _store_by_curl(host: Host, address: str, name: str) -> None:
    """Upload by curl, which asks with EPSV first, or calls back with EPRT."""
    words = ["--user", "sma:lab-only", "--upload-file", "-", "--connect-timeout", "10"]
    words += {"active": ["--ftp-port", "-"], "safe": ["--ssl-reqd", "--insecure"]}.get(
        host.settings.get("mode", ""), []
    )
    clients.run(
        ["curl", "--silent", "--show-error", "--max-time", "25", *words, f"ftp://{address}/{name}"],
        said=b"<WebBox/>" * 150,
    )


def _store_by_lftp(host: Host, address: str, name: str) -> None:
    settings = "set net:timeout 8; set net:max-retries 1; set ftp:ssl-allow no; set net:reconnect-interval-base 2;"
    passive = host.settings.get("mode") != "active"
    settings += f" set ftp:passive-mode {passive}; set ftp:fix-pasv-address {host.settings.get('mode') != 'trusting'};"
    put = f"put -O / {host.trust_file} -o {name}"
    clients.run(["lftp", "-u", "sma,lab-only", "-e", f"{settings} {put}; quit", f"ftp://{address}"])


_STORE = {"ftplib": _store_by_ftplib, "curl": _store_by_curl, "lftp": _store_by_lftp}


def run_kiosk(host: Host) -> None:
    """Follow the numbered start-up order of the paper (ALS-41 to ALS-45).

    Settings: ``ways`` (``both``, ``plain``, ``safe``: by HTTP, by HTTPS), ``client`` (``sockets``, ``curl``).
    """
    host.take_lease()
    addresses = host.resolve(_KIOSK_HOST)
    host.set_clock(_KIOSK_TIME)
    identity = f"mac={host.settings['mac']}&version=4.1.7".encode()
    for turn in itertools.count():
        for address in addresses[:1] or host.resolve(_KIOSK_HOST)[:1]:
            _report(host, address, identity if turn == 0 else os.urandom(300))
        time.sleep(12)
        if turn % 3 == 2:
            host.set_clock(_KIOSK_TIME)


def _report(host: Host, address: str, body: bytes) -> None:
    """Announce the box by HTTP and send its data by HTTPS (ALS-46, ALS-47)."""
    ways = host.settings.get("ways", "both")
    if ways != "safe":
        with contextlib.suppress(OSError, http.client.HTTPException):
            _say_hello(host, address, body[:60])
    if ways != "plain":
        with contextlib.suppress(OSError), host.open_tls(_KIOSK_HOST.lower(), address, 443, newest=False) as server:
            post(server, _KIOSK_HOST, "/aews/data", body)


def _say_hello(host: Host, address: str, body: bytes) -> None:
    if host.settings.get("client") == "curl":
        clients.curl_at(host, _KIOSK_HOST, address, 80, "/aews/hello", body=body)
        return
    plain = http.client.HTTPConnection(address, 80, timeout=10)
    plain.request("POST", "/aews/hello", body, {"Host": _KIOSK_HOST})
    plain.getresponse().read()
    plain.close()
