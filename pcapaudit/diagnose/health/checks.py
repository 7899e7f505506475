"""All check modules, imported so that they register: one line a theme."""

from __future__ import annotations

from pcapaudit.diagnose.health import clock, copies, direction, extent, link, loss

__all__ = ["clock", "copies", "direction", "extent", "link", "loss"]
