"""From facts to findings: capture health, rules, the ladder and the verdict (catalogue, sections 13 and 14)."""
