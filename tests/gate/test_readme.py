from __future__ import annotations

from pathlib import Path

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.report.registry import render

SAMPLE = "samples/sensorist-blinking-red.pcapng"


def test_the_readme_opens_with_what_the_first_command_prints(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    block = readme.split("$ make audit\n", 1)[1].split("\n`make audit", 1)[0]
    shown = [line.removeprefix("    ") for line in block.splitlines() if line.strip() not in ("", "...")]

    text = render(audit([str(checkout / SAMPLE)], AuditOptions()), "text", None)
    printed = text.replace(str(checkout / SAMPLE), SAMPLE).splitlines()

    assert len(shown) > 20
    assert [line for line in shown[2:] if line not in printed] == []
