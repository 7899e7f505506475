from __future__ import annotations

import re
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


NAMED = re.compile(r"`((?:pcapaudit|tests|docs|bench|samples|notebooks)/[\w/.]*\w)`|\]\(([^)#:\s]+)(?:#[^)]*)?\)")
"""A path in a page: as code, from the checkout's root, or as a link, from the page."""
NO_FILES = {"pcapaudit/_signatures", "pcapaudit/comparison/1"}
"""What only a wheel holds, and the name of a document's form."""


def test_every_file_that_a_page_names_is_there(checkout: Path) -> None:
    missing = []
    for page in [*checkout.glob("*.md"), *checkout.glob("docs/*.md")]:
        for named, linked in NAMED.findall(page.read_text(encoding="utf-8")):
            place = checkout / named if named else page.parent / linked
            if not place.exists() and named not in NO_FILES:
                missing.append(f"{page.name}: {named or linked}")
    assert missing == []
