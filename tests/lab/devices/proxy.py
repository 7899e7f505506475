"""A proxy with an address on the LAN: squid on a box of its own, which goes out for others."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.devices.host import Host
from tests.lab.servers import programs


def run(host: Host) -> None:
    """Take a lease and serve everybody on the LAN."""
    host.take_lease()
    folder = Path(host.settings["certificates"])
    helper = programs.squid("connect_timeout 4 seconds", "forward_timeout 6 seconds", "http_access allow all")
    config = helper.config.replace("8.8.8.8", host.resolvers()[0])
    (folder / "squid.conf").write_text(config.replace("{folder}", str(folder)), encoding="utf-8")
    subprocess.run([word.replace("{folder}", str(folder)) for word in helper.words], check=False)
