from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pcapaudit.engine import leash

_SAY = """
import os, resource
from pcapaudit.engine import leash
leash.put_on()
print(resource.getrlimit(resource.RLIMIT_AS)[0], leash.VARIABLE in os.environ)
"""


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _SAY], env=environment, capture_output=True, text=True, check=False)


def test_a_job_has_its_bound_and_does_not_pass_it_on() -> None:
    assert run(leash.environment(3 << 30)).stdout == f"{3 << 30} False\n"


@pytest.mark.parametrize("value", [None, "", "5", ":", "me:much", "1:-5"])
def test_what_was_not_started_as_a_job_is_left_alone(value: str | None) -> None:
    environment = {name: text for name, text in os.environ.items() if name != leash.VARIABLE}
    bound = run(environment).stdout
    assert run(environment | ({leash.VARIABLE: value} if value is not None else {})).stdout == bound


def test_a_job_whose_starter_is_gone_ends() -> None:
    ended = run({**os.environ, leash.VARIABLE: f"1:{3 << 30}"})
    assert (ended.returncode, ended.stdout) == (1, "")
