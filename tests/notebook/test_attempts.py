from __future__ import annotations

from pathlib import Path

import pcapaudit as pa

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def test_each_attempt_that_the_report_counts_is_a_row() -> None:
    for name in ("sensorist-blinking-red", "sensorist-healthy", "skala-ipad-9001-dropped"):
        cap = pa.read(SAMPLES / f"{name}.pcapng")
        rows = cap.attempts.groupby("need", observed=True).size()
        for need in cap.report()["devices"][0]["needs"]:
            if all(far["transport"] == "tcp" for far in need["endpoints"]):
                assert rows.get(need["id"], 0) == need["attempts"], (name, need["id"])


def test_an_attempt_says_how_it_ended_and_which_names_led_there() -> None:
    attempts = pa.read(SAMPLES / "sensorist-blinking-red.pcapng").attempts
    assert set(attempts["conn_state"]) == {"S0"}
    assert set(attempts["port"]) == {443, 4321}
    assert set(attempts["hosts"].explode()) == {"gk.sensorist.com", "gk.sensorist.net"}
    assert attempts["ts"].is_monotonic_increasing


def test_a_capture_without_a_device_has_no_attempt() -> None:
    cap = pa.read(SAMPLES / "sensorist-healthy.pcapng", device="203.0.113.77")
    assert len(cap.attempts) == 0
    assert list(cap.attempts.columns)[:3] == ["ts", "device", "need"]
