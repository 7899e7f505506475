from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from pcapaudit.cli.values import parse_moment, read_moment, read_numbers, read_pairs, read_size, read_span


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000_000_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000_000_000),
        ("2026-01-01", 1_767_225_600_000_000_000),
        ("2026-01-01T00:00:00.000000001Z", 1_767_225_600_000_000_001),
        ("1767225600.25", 1_767_225_600_250_000_000),
        ("0", 0),
    ],
)
def test_moments_are_exact_nanoseconds(text: str, time_ns: int) -> None:
    assert parse_moment(text) == time_ns


@click.command()
@click.option("--set", "numbers", multiple=True, callback=read_numbers)
@click.option("--param", "pairs", multiple=True, callback=read_pairs)
@click.option("--since", callback=read_moment)
def show(numbers: dict[str, float], pairs: dict[str, str], since: int | None) -> None:
    click.echo(f"{numbers} {pairs} {since}")


def test_pairs_are_read_and_the_last_of_a_name_wins() -> None:
    args = ["--set", "syn_wait=5", "--param", "app_port=1", "--param", "app_port = 57123", "--param", "x=a=b"]
    told = CliRunner().invoke(show, args).output
    assert told == "{'syn_wait': 5.0} {'app_port': '57123', 'x': 'a=b'} None\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--param", "app_port"], "'app_port' is no NAME=VALUE"),
        (["--param", "=1"], "'=1' is no NAME=VALUE"),
        (["--set", "syn_wait=long"], "syn_wait=long: a number, not below 0, is needed"),
        (["--set", "syn_wait=-1"], "a number, not below 0"),
        (["--set", "syn_wait=nan"], "a number, not below 0"),
        (["--set", "syn_wait=inf"], "a number, not below 0"),
        (["--since", "yesterday"], "'yesterday' is no time; write 2026-01-01T14:02:11+00:00"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(args: list[str], told: str) -> None:
    result = CliRunner().invoke(show, args)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


@click.command()
@click.option("--size", default="1", callback=read_size)
@click.option("--span", callback=read_span)
def show_amounts(size: int, span: float | None) -> None:
    click.echo(f"{size} {span}")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--size", "10G"], "10737418240 None"),
        (["--size", "500m", "--span", "90"], "524288000 90.0"),
        (["--span", "12h"], "1 43200.0"),
        (["--span", "2d"], "1 172800.0"),
    ],
)
def test_sizes_and_spans_have_units(args: list[str], told: str) -> None:
    assert CliRunner().invoke(show_amounts, args).output == f"{told}\n"


@pytest.mark.parametrize(
    "args", [["--size", "0"], ["--size", "-1"], ["--size", "9E"], ["--span", "soon"], ["--span", "0s"]]
)
def test_what_is_no_size_or_span_is_refused(args: list[str]) -> None:
    done = CliRunner().invoke(show_amounts, args)
    assert done.exit_code == 2
    assert "is no s" in done.output
