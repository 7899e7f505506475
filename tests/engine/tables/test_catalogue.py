from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.engine.tables import catalogue
from pcapaudit.engine.tables.catalogue import TABLES, choose, read_rows
from pcapaudit.engine.tables.declare import Kind
from pcapaudit.model.errors import UsageError
from tests.support.scene import read_capture, traffic_of

MIXED = """
0.0 dev > gw BOOT
1.0 dev > gw LOOKUP a.example A 54.229.203.190
2.0 dev > cloud:443 CONNECT
2.1 dev > cloud:443 TLS13 sni=a.example
3.0 dev > cloud:80 CONNECT
3.1 dev > cloud:80 HTTP GET / host=a.example
4.0 dev > cloud NTP
5.0 dev > cloud PING
""".strip()


def test_every_table_gets_its_rows_from_one_reading() -> None:
    counts = dict.fromkeys(TABLES, 0)
    for table, rows in read_rows(traffic_of(MIXED), list(TABLES.values())):
        assert all(len(row) == len(table.columns) for row in rows)
        counts[table.name] += len(rows)

    assert {name: count for name, count in counts.items() if count} == {
        "flows": 7, "dns": 1, "dhcp": 1, "tls": 1, "http": 1, "icmp": 1, "arp": 3, "ntp": 1,
    }  # fmt: skip


KINDS: dict[Kind, type] = {
    Kind.TIME: int, Kind.TEXT: str, Kind.CATEGORY: str, Kind.INTEGER: int, Kind.NUMBER: float, Kind.TRUTH: bool,
    Kind.FRAME: int, Kind.FRAMES: tuple, Kind.TEXTS: tuple, Kind.INTEGERS: tuple,
}  # fmt: skip


@pytest.mark.parametrize("name", ["wennsoft-healthy", "alsoenergy-smaftp-healthy", "sensorist-blinking-red"])
def test_every_cell_is_what_its_column_says(name: str, checkout: Path) -> None:
    traffic = read_capture(checkout / "samples" / f"{name}.pcapng")
    for table, rows in read_rows(traffic, list(TABLES.values())):
        for row in rows:
            for column, cell in zip(table.columns, row, strict=True):
                assert cell is None or type(cell) is KINDS[column.kind], (table.name, column.name)


def test_a_table_alone_has_the_rows_that_it_has_among_others() -> None:
    traffic = traffic_of(MIXED)
    together: dict[str, list[object]] = {}
    for table, rows in read_rows(traffic, list(TABLES.values())):
        together.setdefault(table.name, []).extend(rows)

    for name, table in TABLES.items():
        alone = [row for _, rows in read_rows(traffic, [table]) for row in rows]
        assert alone == together.get(name, [])


def test_many_rows_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "BATCH", 2)
    traffic = traffic_of("0.0 repeat 5 every 1.0:\n  0.0 dev > * ARP? 10.0.0.1")
    assert [len(rows) for _, rows in read_rows(traffic, [TABLES["arp"]])] == [2, 2, 1]


def test_tables_are_chosen_by_name_in_their_own_order() -> None:
    assert [table.name for table in choose(["dns", "flows"])] == ["flows", "dns"]
    assert choose([]) == list(TABLES.values())
    with pytest.raises(UsageError, match="no table 'smtp'; known are: flows, dns"):
        choose(["smtp"])
