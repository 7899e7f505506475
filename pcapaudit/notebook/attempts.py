"""Attempts: each flow that a device opened to a far side of one of its needs."""

from __future__ import annotations

import pandas as pd

_KEY = ["orig_h", "address", "transport", "port"]
_FLOW = {"resp_h": "address", "proto": "transport", "resp_p": "port"}
_SHOWN = [
    "ts", "device", "need", "hosts", "address", "transport", "port", "conn_state", "duration_s", "handshake_s",
    "orig_retrans", "orig_bytes", "resp_bytes", "uid", "first_frame", "last_frame",
]  # fmt: skip


def find_attempts(flows: pd.DataFrame, endpoints: pd.DataFrame, devices: pd.DataFrame) -> pd.DataFrame:
    """The flows that belong to the needs of devices.

    Args:
        flows: The table ``flows``.
        endpoints: The table ``endpoints``.
        devices: The table ``devices``; a device's addresses say which flows are its own.

    Returns:
        A row for each flow and need, by time; columns as in those tables. ``hosts`` is a tuple of the names that led to
        the address, of which there may be several.
    """
    beside = [name for name in ("capture",) if name in flows]
    known = devices[[*beside, "device", "addresses"]].explode("addresses").rename(columns={"addresses": "orig_h"})
    asked = _far_sides(endpoints, beside).merge(known, on=[*beside, "device"])
    own = flows.rename(columns=_FLOW)
    for name in ("transport", "address", "orig_h"):
        asked[name], own[name] = asked[name].astype("string"), own[name].astype("string")
    joined = own.merge(asked, on=[*beside, *_KEY])
    return joined[[*beside, *_SHOWN]].sort_values(["ts", "first_frame"], ignore_index=True)


def _far_sides(endpoints: pd.DataFrame, beside: list[str]) -> pd.DataFrame:
    """Each far side of each need once, with all its names."""
    key = [*beside, "device", "need", "address", "transport", "port"]
    names = endpoints.groupby(key, observed=True, sort=False, dropna=False)["host"]
    return names.unique().map(lambda hosts: tuple(hosts.dropna())).rename("hosts").reset_index()
