"""Every rule and health check by its id, for people who ask what one means."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pcapaudit.diagnose.health.registry import HealthCheck, all_checks
from pcapaudit.diagnose.registry import Rule, all_rules
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One id explained. ``place`` says in one line where it stands and what it may say."""

    id: str
    title: str
    place: str
    body: str
    """The docstring without its first line: paragraphs that begin with ``**Heading**:``."""

    def paragraphs(self) -> Iterator[tuple[str, str]]:
        """Heading (may be empty) and text of each paragraph; one begins with a heading or after a blank line."""
        heading, words = "", list[str]()
        for line in [*map(str.strip, self.body.splitlines()), ""]:
            if words and (line.startswith("**") or not line):
                yield heading, " ".join(words)
                heading, words = "", []
            found, text = _split_heading(line)
            heading = found or heading
            words += [text] if text else []


def all_entries() -> tuple[Entry, ...]:
    """Capture health first, as it is judged first, then the rules along the ladder."""
    return (*map(_of_check, all_checks()), *map(_of_rule, all_rules()))


def find_entry(rule_id: str) -> Entry:
    """One entry, letter case ignored. Raises UsageError naming the nearest ids."""
    entries = {entry.id: entry for entry in all_entries()}
    wanted = rule_id.strip().upper()
    if wanted not in entries:
        near = get_close_matches(wanted, entries, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"there is no rule {rule_id!r}{hint}")
    return entries[wanted]


def rules_page() -> str:
    """All entries as a Markdown page, the text of ``docs/rules.md``."""
    parts = [
        "# Rules",
        "Made from the docstrings (`python -m pcapaudit.diagnose.explain > docs/rules.md`); do not edit by hand.",
    ]
    parts += [f"## {e.id}\n\n**{e.title}** ({e.place})\n\n{e.body}" for e in all_entries()]
    return "\n\n".join(parts) + "\n"


def _split_heading(line: str) -> tuple[str, str]:
    """``**Seen**: a SYN`` as ``("Seen", "a SYN")``; a line without a heading as ``("", line)``."""
    if not line.startswith("**"):
        return "", line
    heading, _, text = line.removeprefix("**").partition("**")
    return heading, text.removeprefix(":").strip()


def _of_rule(rule: Rule) -> Entry:
    place = f"stage {rule.stage}, says {', '.join(rule.outcomes)}, at most {rule.severity}"
    return Entry(rule.id, rule.title, place, _body(rule.doc))


def _of_check(check: HealthCheck) -> Entry:
    return Entry(check.id, check.title, "capture health", _body(check.doc))


def _body(doc: str) -> str:
    return doc.partition("\n")[2].strip()


if __name__ == "__main__":
    print(rules_page(), end="")  # noqa: T201 - the page goes to standard output
