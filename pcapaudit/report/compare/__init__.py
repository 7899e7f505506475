"""What changed between two captures of the same devices, for the mail after the firewall change."""

from pcapaudit.report.compare.devices import compare
from pcapaudit.report.compare.forms import forms, render

__all__ = ["compare", "forms", "render"]
