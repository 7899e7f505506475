"""Start one emulator: ``python -m tests.lab.devices.start PROGRAM LEASE_FILE TRUST_FILE [KEY=VALUE ...]``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.lab.devices.host import Host

PROGRAMS: dict[str, str] = {
    "sensorist": "sensorist.run",
    "tek": "tek.run",
    "wennsoft": "wennsoft.run",
    "alsoenergy-logger": "alsoenergy.run_logger",
    "alsoenergy-smaftp": "alsoenergy.run_ftp_uploader",
    "alsoenergy-kiosk": "alsoenergy.run_kiosk",
    "skala-nexus": "skala.run_nexus",
    "skala-ipad": "skala.run_ipad",
    "skala-pc": "skala.run_pc",
    "office": "office.run",
    "proxy": "proxy.run",
    "sensorist-pocket": "pocket_boxes.run_gateway",
    "tek-pocket": "pocket_boxes.run_controller",
    "server": "neighbour.run_server",
    "twin": "neighbour.run_twin",
    "modern-pc": "neighbour.run_modern_pc",
}
"""Function of this folder by the name of the program; imported when it runs, so that each box starts fast."""


def main() -> None:
    """Run the program named on the command line; with the setting ``trusts=site`` it trusts the site's inspection."""
    program, lease_file, trust_file, *settings = sys.argv[1:]
    pairs = dict(pair.split("=", 1) for pair in settings)
    trust = Path(trust_file)
    if pairs.get("trusts") == "site":
        trust = trust.with_name("site-trust.pem")
    module, _, function = PROGRAMS[program].partition(".")
    run = getattr(importlib.import_module(f"tests.lab.devices.{module}"), function)
    run(Host(Path(lease_file), trust, pairs))


if __name__ == "__main__":
    main()
