"""From anything that holds frames to frames: pcap, pcapng, compressed files, standard input, a live interface.

Every source is a generator of ``FrameBatch`` and ``Tick``. Frames are found here, not looked into; the codecs of
compressed captures are imported in this room alone.
"""

from __future__ import annotations

from pcapaudit.capture.reader import BATCH_BYTES, STDIN, open_capture, read_ring
from pcapaudit.capture.sources import RingWatch, expand, group

__all__ = ["BATCH_BYTES", "STDIN", "RingWatch", "expand", "group", "open_capture", "read_ring"]
