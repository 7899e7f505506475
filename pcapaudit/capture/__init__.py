"""From anything that holds frames to frames: pcap, pcapng, compressed files, standard input, a live interface.

Every source is a generator of ``FrameBatch`` and ``Tick``. Frames are found here, not looked into; the codecs of
compressed captures are imported in this room alone.
"""
