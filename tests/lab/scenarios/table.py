"""All scenarios of the lab by name."""

from __future__ import annotations

from tests.lab.scenario import Scenario
from tests.lab.scenarios import alsoenergy, sensorist, skala, tek, wennsoft

_ALL = (
    sensorist.BLINKING_RED,
    sensorist.HEALTHY,
    sensorist.NO_DHCP,
    tek.HEALTHY,
    tek.DROPPED,
    alsoenergy.LOGGER_HEALTHY,
    alsoenergy.FTP_HEALTHY,
    alsoenergy.FTP_DATA_BLOCKED,
    alsoenergy.KIOSK_HEALTHY,
    skala.NEXUS_HEALTHY,
    skala.IPAD_HEALTHY,
    skala.IPAD_DROPPED,
    skala.IPAD_REBINDING,
    wennsoft.HEALTHY,
    wennsoft.DROPPED,
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
