"""All scenarios of the lab by name."""

from __future__ import annotations

from tests.lab.scenario import Scenario
from tests.lab.scenarios import (
    addresses,
    alsoenergy,
    calm,
    clocks,
    database,
    every_vendor,
    five_vendors,
    links,
    lookups,
    middleboxes,
    paths,
    pockets,
    refusals,
    sensorist,
    skala,
    tek,
    tls,
    transfer,
    variations,
    web,
    websocket,
    wennsoft,
)

_SAMPLES = (
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
    five_vendors.SAMPLE,
)

_ALL = (
    *_SAMPLES,
    *refusals.ALL,
    *lookups.ALL,
    *addresses.ALL,
    *links.ALL,
    *clocks.ALL,
    *paths.ALL,
    *pockets.ALL,
    *every_vendor.ALL,
    *tls.ALL,
    *transfer.ALL,
    *web.ALL,
    *websocket.ALL,
    *database.ALL,
    *middleboxes.ALL,
    *variations.ALL,
    *calm.ALL,
    *(site for site in five_vendors.ALL if site is not five_vendors.SAMPLE),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}

SAMPLES: tuple[str, ...] = tuple(scenario.name for scenario in _SAMPLES)
"""Scenarios whose captures are the user's samples."""
