from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import pcapaudit as pa
from pcapaudit.engine.packets import COLUMNS
from pcapaudit.model.errors import UsageError

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
GATEWAY = "02:54:10:2b:30:01"


@pytest.fixture(scope="module")
def cap() -> pa.Capture:
    return pa.read(SAMPLES / "sensorist-blinking-red.pcapng")


def test_a_flow_has_the_packets_that_its_row_counts(cap: pa.Capture) -> None:
    for row in (0, 5, 20, len(cap.flows) - 1):
        flow = cap.flows.iloc[row]
        packets = cap.packets(flow=str(flow["uid"]))
        assert len(packets) == flow["orig_pkts"] + flow["resp_pkts"], flow["uid"]
        assert packets["frame"].iloc[0] == flow["first_frame"]


def test_a_device_has_the_packets_of_its_mac_and_addresses(cap: pa.Capture) -> None:
    packets = cap.packets(device=GATEWAY)
    own = (packets["smac"] == GATEWAY) | (packets["dmac"] == GATEWAY)
    own |= packets["src"].isin(["10.20.36.101"]) | packets["dst"].isin(["10.20.36.101"])
    assert own.all()
    assert 0 < len(packets) < len(cap.packets())


def test_columns_and_limit_are_kept_to(cap: pa.Capture) -> None:
    packets = cap.packets(where="tcp.syn", columns=["ts", "tcp_flags", "vlan"], limit=3)
    assert list(packets.columns) == ["ts", "tcp_flags", "vlan"]
    assert packets["tcp_flags"].tolist()[:2] == ["S", "SA"]
    assert packets["vlan"].isna().all()
    assert str(packets["ts"].dtype) == "datetime64[ns, UTC]"
    assert len(packets) == 3


def test_no_packet_is_a_table_with_all_columns(cap: pa.Capture) -> None:
    packets = cap.packets(where="tcp.port == 1")
    assert len(packets) == 0
    assert list(packets.columns) == list(COLUMNS)


def test_several_captures_stand_one_after_the_other() -> None:
    paths = [SAMPLES / "tek-healthy.pcapng", SAMPLES / "sensorist-healthy.pcapng"]
    both = pa.read(paths, separate=True).packets(where="udp.port == 53")
    alone = [pa.read(path).packets(where="udp.port == 53") for path in paths]
    assert both.columns[0] == "capture"
    expected = pd.concat(alone, ignore_index=True)
    pd.testing.assert_frame_equal(both.drop(columns="capture"), expected, check_categorical=False, check_dtype=False)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"columns": ["nothing"]}, "no column"), ({"flow": "C0"}, "no flow C0"), ({"device": "10.9.9.9"}, "no judged")],
)
def test_what_does_not_exist_is_told(cap: pa.Capture, wanted: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cap.packets(**wanted)  # type: ignore[arg-type]
