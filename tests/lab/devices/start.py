"""Start one emulator: ``python -m tests.lab.devices.start PROGRAM LEASE_FILE TRUST_FILE [KEY=VALUE ...]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab.devices import alsoenergy, office, sensorist, skala, tek, wennsoft
from tests.lab.devices.host import Host

PROGRAMS: dict[str, Callable[[Host], None]] = {
    "sensorist": sensorist.run,
    "tek": tek.run,
    "wennsoft": wennsoft.run,
    "alsoenergy-logger": alsoenergy.run_logger,
    "alsoenergy-smaftp": alsoenergy.run_ftp_uploader,
    "alsoenergy-kiosk": alsoenergy.run_kiosk,
    "skala-nexus": skala.run_nexus,
    "skala-ipad": skala.run_ipad,
    "skala-pc": skala.run_pc,
    "office": office.run,
}


def main() -> None:
    """Run the program named on the command line."""
    program, lease_file, trust_file, *settings = sys.argv[1:]
    pairs = dict(pair.split("=", 1) for pair in settings)
    PROGRAMS[program](Host(Path(lease_file), Path(trust_file), pairs))


if __name__ == "__main__":
    main()
