from __future__ import annotations

import doctest
import importlib
import json
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

import pcapaudit as pa
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import UsageError
from pcapaudit.report.document import to_json
from tests.support.pcap import write_pcap
from tests.support.scene import play_script

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SENSORIST, TEK, AGENT = "02:54:10:2b:30:01", "02:61:be:08:84:02", "02:4d:a6:57:12:03"
IPAD, NEXUS, UPLOADER = "02:f0:18:98:90:08", "02:b8:27:eb:90:07", "02:a1:50:e7:00:05"
HEALTHY = [
    ("sensorist-healthy", SENSORIST),
    ("tek-healthy", TEK),
    ("wennsoft-healthy", AGENT),
    ("alsoenergy-logger-healthy", "02:a1:50:e7:00:04"),
    ("alsoenergy-smaftp-healthy", UPLOADER),
    ("alsoenergy-kiosk-healthy", "02:a1:50:e7:00:06"),
    ("skala-nexus-healthy", NEXUS),
    ("skala-ipad-healthy", IPAD),
    ("skala-ipad-healthy", NEXUS),
]
OWN = """\
0.0 dev > gw BOOT
1.0 dev > gw LOOKUP api.acme-pumps.com A 54.229.203.190
1.1 dev > cloud:4321 CONNECT
1.2 dev > cloud:4321 EXCHANGE 120 60
"""


def read(sample: str, **options: object) -> pa.Capture:
    return pa.read(SAMPLES / f"{sample}.pcapng", progress=False, **options)  # type: ignore[arg-type]


def played(folder: Path, script: str, name: str = "x.pcap") -> pa.Capture:
    path = folder / name
    frames = play_script(dedent(script), {"cloud": "54.229.203.190", "google": "8.8.8.8"})
    write_pcap(path, ((f.time_ns, f.data, f.wire_len) for f in frames))
    return pa.read(path, progress=False)


def verdicts(cap: pa.Capture) -> dict[str, tuple[str, str]]:
    return {d.mac or "": (d.signature or "", str(d.verdict)) for d in cap.judged.devices}


@pytest.mark.parametrize(("sample", "device"), HEALTHY)
def test_of_a_healthy_device_comes_a_signature_that_finds_it_healthy(sample: str, device: str, tmp_path: Path) -> None:
    found = pa.learn(read(sample), device, vendor="Acme", product="Thing 2")
    assert found.lint() == []
    assert not [doubt for doubt in found.doubts if "judged by this" in doubt or "does not recognise" in doubt]
    found.save(tmp_path)
    alone = verdicts(read(sample, signatures=tmp_path))
    assert {mac: said for mac, said in alone.items() if said[0]} == {device: ("acme/thing-2", "healthy")}


@pytest.mark.parametrize(
    ("healthy", "device", "broken", "stage"),
    [
        ("sensorist-healthy", SENSORIST, "sensorist-blinking-red", "connect"),
        ("sensorist-healthy", SENSORIST, "sensorist-no-dhcp", "dhcp"),
        ("tek-healthy", TEK, "tek-8844-dropped", "connect"),
        ("wennsoft-healthy", AGENT, "wennsoft-5432-dropped", "connect"),
        ("alsoenergy-smaftp-healthy", UPLOADER, "alsoenergy-smaftp-data-blocked", "app"),
        ("skala-ipad-healthy", IPAD, "skala-ipad-9001-dropped", "connect"),
        ("skala-ipad-healthy", IPAD, "skala-ipad-rebinding-filter", "dns"),
    ],
)
def test_it_finds_the_step_that_the_lab_broke(
    healthy: str, device: str, broken: str, stage: str, tmp_path: Path
) -> None:
    pa.learn(read(healthy), device).save(tmp_path)
    [judged] = [d for d in read(broken, signatures=tmp_path).judged.devices if d.mac == device]
    truth = yaml.safe_load((SAMPLES / f"{broken}.yaml").read_text(encoding="utf-8"))
    assert str(judged.verdict) == "failed"
    assert [str(s.stage) for s in judged.stages if s.state == "failed"][:1] == [stage]
    assert stage in json.dumps(truth)


def test_the_same_capture_is_judged_anew_without_reading_it_again(tmp_path: Path) -> None:
    cap = read("skala-ipad-healthy")
    before = to_json(cap.judged)
    found = pa.learn(cap, IPAD)
    found.save(tmp_path)
    again = found.judge(cap)
    told = json.loads(to_json(again.judged))["devices"]
    options = AuditOptions(why=True, signatures_dir=tmp_path)
    assert told == json.loads(to_json(audit([str(SAMPLES / "skala-ipad-healthy.pcapng")], options)))["devices"]
    assert to_json(cap.judged) == before
    late = read("skala-ipad-healthy")
    pa.learn(late, IPAD)
    assert to_json(late.judged) == before


def test_the_file_says_of_itself_that_it_was_seen_and_is_not_right() -> None:
    found = pa.learn(read("sensorist-healthy"), SENSORIST)
    assert found.text.startswith("# SEEN, NOT RIGHT.")
    assert "seen, not right" in found.signature.paper.title
    assert "not what is right" in (found.signature.incomplete or "")
    assert all(need.assumed for need in found.signature.needs)
    assert all(sign.assumed for sign in (*found.signature.identify.strong, *found.signature.identify.weak))
    assert {fact.partition("-")[0] for fact in found.signature.used_facts()} == {"SEEN"}


def test_frames_named_in_the_file_are_those_of_the_capture() -> None:
    cap = read("sensorist-healthy")
    found = pa.learn(cap, SENSORIST)
    need = found.seen.set_index("part").loc["needs"]
    assert cap.flows.query("resp_p == 4321")["first_frame"].tolist() == list(need["frames"])
    [lookup] = found.seen[found.seen["says"].str.startswith("dns_query")]["frames"]
    asked = cap.dns.query("query == 'gk.sensorist.com'")["query_frames"].iloc[0]
    assert lookup == tuple(asked[:1])
    assert f"(frame {need['frames'][0]})" in found.text


def test_the_same_capture_gives_the_same_file() -> None:
    assert pa.learn(read("wennsoft-healthy"), AGENT).text == pa.learn(read("wennsoft-healthy"), AGENT).text


def test_a_device_is_named_by_mac_or_address_or_is_the_only_one(tmp_path: Path) -> None:
    cap = read("tek-healthy")
    by_address = pa.learn(cap, "10.20.36.112").text
    assert by_address == pa.learn(cap, TEK.upper().replace(":", "-")).text
    with pytest.raises(UsageError, match=rf"name one device; there are: .*{TEK}"):
        pa.learn(cap)
    with pytest.raises(UsageError, match=r"there is no device 10\.9\.9\.9; there are: "):
        pa.learn(cap, "10.9.9.9")
    with pytest.raises(UsageError, match="neither a MAC nor an IP address"):
        pa.learn(cap, "pump")
    assert pa.learn(played(tmp_path, OWN), "10.0.0.5").signature.needs


def test_what_is_no_device_or_does_nothing_is_refused(tmp_path: Path) -> None:
    cap = played(tmp_path, OWN + "2.0 pc > gw BOOT\n")
    with pytest.raises(UsageError, match="router"):
        pa.learn(cap, "10.0.0.1")
    with pytest.raises(UsageError, match="nobody by whom it could be recognised"):
        pa.learn(cap, "10.0.0.9")


def test_a_file_that_somebody_may_have_corrected_is_not_overwritten(tmp_path: Path) -> None:
    found = pa.learn(read("tek-healthy"), TEK, vendor="Acme & Söhne", product="Pump/2 ../x")
    path = found.save(tmp_path)
    assert path == tmp_path / "acme-s-hne" / "pump-2-x.yaml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        found.save(tmp_path)
    assert path.read_text(encoding="utf-8") == "mine"
    assert found.save(tmp_path, is_replacing=True).read_text(encoding="utf-8") == found.text
    with pytest.raises(UsageError, match="cannot be written"):
        found.save(path)


HOSTILE = "x'\"{}[]: &a *b # !!python/object:os.system\u2028\x85\n- evil: true\t\x00\x1b[2J\u202e</pre><script>"


def test_names_from_people_stand_in_the_file_as_text(tmp_path: Path) -> None:
    found = pa.learn(played(tmp_path, OWN), "10.0.0.5", vendor=HOSTILE, product=HOSTILE)
    assert found.lint() == []
    assert "evil" in found.signature.vendor_title
    assert not set(found.text) & set("\u2028\x85\t\x00\x1b\u202e")
    assert "<script>" not in found._repr_html_()
    nameless = pa.learn(played(tmp_path, OWN), "10.0.0.5", vendor="…", product="")
    assert nameless.id == "unknown/unknown"


def test_names_from_the_wire_and_of_files_end_no_comment(tmp_path: Path) -> None:
    script = OWN + "2.0 dev > gw DNS? bad:#{\u202e}x.acme-pumps.com A\n"
    cap = played(tmp_path, script, "a\nneeds: []\n# .pcap")
    found = pa.learn(cap, "10.0.0.5")
    assert found.lint() == []
    assert "\nneeds: []" not in found.text
    assert len(found.signature.needs) == 1


def test_a_device_with_hundreds_of_services_gives_a_file_that_can_be_read(tmp_path: Path) -> None:
    long = ".".join(["a" * 50] * 3)
    talks = (
        f"{n}.0 dev > gw LOOKUP {long}.acme{n}.com A 54.229.203.190\n{n}.1 dev:{20000 + n} > cloud:{1100 + n} CONNECT\n"
        for n in range(2, 120)
    )
    found = pa.learn(played(tmp_path, OWN + "".join(talks)), "10.0.0.5")
    assert found.lint() == []
    assert "among_others: true" in found.text
    assert found.judge(played(tmp_path, OWN)).judged.devices


def test_what_it_cannot_do_it_says_itself(tmp_path: Path) -> None:
    script = OWN + "2.0 pc > dev LOOKUP x.example.org A 192.0.2.1\n"
    found = pa.learn(played(tmp_path, script), "10.0.0.5")
    assert any("does not recognise the very device" in doubt for doubt in found.doubts)
    assert "does not recognise" in found.text


def test_a_device_that_is_broken_where_it_was_learned_from_is_a_doubt() -> None:
    found = pa.learn(read("alsoenergy-smaftp-data-blocked"), UPLOADER)
    [doubt] = [doubt for doubt in found.doubts if "judged by this" in doubt]
    assert "failed" in doubt
    assert "data port" in doubt
    silent = pa.learn(read("sensorist-blinking-red"), SENSORIST)
    assert any("gk.sensorist.com on TCP 4321 never answered" in doubt for doubt in silent.doubts)
    assert not any(need.required for need in silent.signature.needs)


def test_it_shows_itself_as_what_it_is() -> None:
    found = pa.learn(read("skala-ipad-healthy"), IPAD)
    assert str(found) == found.text
    assert "doubts" in repr(found)
    html = found._repr_html_()
    assert "Seen, not right" in html
    assert all(word in html for word in ("b27f04.skalanexus.com", "<li>", "<pre"))
    assert list(found.seen) == ["fact", "part", "says", "seen", "frames"]


def test_the_examples_of_the_docstrings_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLES.parent)
    ran = doctest.testmod(importlib.import_module("pcapaudit.notebook.learn"))
    assert (ran.failed, ran.attempted > 2) == (0, True)
