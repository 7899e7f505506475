from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.web.captures.search import PER_PAGE, Search, read_search
from pcapaudit.web.captures.store import DeviceLine, JobState, Store, Wishes
from pcapaudit.web.settings import Settings, prepare_folder

DAY = 86400.0
LINES = {
    "red": DeviceLine("Sensorist gateway", "failed", "02:54:10:2b:30:01", ("10.0.0.5",), "sensorist/gateway", None),
    "green": DeviceLine("Sensorist gateway", "healthy", "02:54:10:2b:30:01", ("10.0.0.5",), "sensorist/gateway", None),
    "tek": DeviceLine("TEK Pool EMS", "failed", "02:61:be:08:84:02", ("10.0.0.50", "fd00::5"), "tek/pool-ems", None),
}


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Iterator[Store]:
    """Three captures, each with one of the devices, and a fourth with two; uploaded on the first days of 1970."""
    prepare_folder(settings.data_dir)
    store = Store(settings.data_dir)
    contents = {**{name: (line,) for name, line in LINES.items()}, "both": (LINES["green"], LINES["tek"])}
    for number, (name, devices) in enumerate(contents.items()):
        received = tmp_path / "received"
        received.write_bytes(b"abc")
        entry = store.add(received, f"{name}.pcap", str(number) * 64, Wishes(), f"note {number}, 100 %")
        store.change(entry.id, state=JobState.DONE, created=number * DAY, devices=devices)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["both", "tek", "green", "red"]),
        ({"q": "sensorist FAILED"}, ["both", "red"]),
        ({"q": "red.pcap FAILED"}, ["red"]),
        ({"q": "note 2,"}, ["tek"]),
        ({"q": "%"}, ["both", "tek", "green", "red"]),
        ({"q": "_"}, []),
        ({"device": "02-54-10-2B-30-01"}, ["both", "green", "red"]),
        ({"device": "0261.be08.8402"}, ["both", "tek"]),
        ({"device": "02:54"}, ["both", "green", "red"]),
        ({"device": "02-61-be"}, ["both", "tek"]),
        ({"device": "10.0.0.5"}, ["both", "green", "red"]),
        ({"device": "10.0.0."}, ["both", "tek", "green", "red"]),
        ({"device": "FD00:0::5"}, ["both", "tek"]),
        ({"device": "' OR 1=1 --"}, []),
        ({"vendor": "tek"}, ["both", "tek"]),
        ({"vendor": "sensorist/gateway"}, ["both", "green", "red"]),
        ({"vendor": "sens"}, []),
        ({"verdict": "failed"}, ["both", "tek", "red"]),
        ({"from": "1970-01-02", "to": "1970-01-03"}, ["tek", "green"]),
        ({"to": "1970-01-01"}, ["red"]),
        ({"from": "yesterday"}, ["both", "tek", "green", "red"]),
    ],
)
def test_what_is_asked_for_is_found(store: Store, asked: dict[str, str], names: list[str]) -> None:
    found = store.search(read_search(asked))
    assert [entry.name.removesuffix(".pcap") for entry in found.entries] == names
    assert found.total == len(names)


def test_what_is_asked_of_a_device_is_asked_of_one_device(store: Store) -> None:
    asked = {"device": "02:54:10:2b:30:01", "verdict": "failed"}
    assert [entry.name for entry in store.search(read_search(asked)).entries] == ["red.pcap"]


def test_a_page_that_is_not_there_is_the_last_one(store: Store) -> None:
    for page in ("7", "0", "-1", "x", "9" * 40, "٣"):
        found = store.search(read_search({"page": page}))
        assert (found.page, found.pages, len(found.entries)) == (1, 1, 4), page


def test_many_captures_come_in_pages(store: Store) -> None:
    template = store.all()[0]
    for number in range(PER_PAGE):
        store._write(replace(template, id=f"{number:018d}", created=10 * DAY + number))
    pages = [store.search(Search(page=page)) for page in (1, 2)]
    assert [(len(p.entries), p.total, p.pages) for p in pages] == [(50, 54, 2), (4, 54, 2)]
    assert pages[0].entries[0].created == 10 * DAY + PER_PAGE - 1


def test_the_address_of_a_search_has_what_was_asked_and_nothing_else() -> None:
    search = read_search({"q": " a b ", "verdict": "failed", "page": "3", "other": "x"})
    assert (search.as_query(), search.page, search.is_open) == ({"q": "a b", "verdict": "failed"}, 3, False)
    assert read_search({}).is_open


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"device": "10.0.0.5"}, "device_names_name"),
        ({"verdict": "failed"}, "devices_verdict"),
        ({"vendor": "tek/pool-ems"}, "devices_signature"),
        ({"from": "1970-01-01"}, "captures_created"),
    ],
)
def test_a_search_goes_by_an_index(store: Store, asked: dict[str, str], index: str) -> None:
    text, values = read_search(asked).condition()
    plan = store._base.execute(f"EXPLAIN QUERY PLAN SELECT id FROM captures WHERE {text}", values)
    assert index in " ".join(row["detail"] for row in plan)
