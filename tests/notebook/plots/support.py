"""What the tests of the pictures look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes


def drawn_points(ax: Axes) -> list[np.ndarray[Any, Any]]:
    """The points of each scatter, in the order drawn."""
    return [np.asarray(points.get_offsets()) for points in ax.collections]
