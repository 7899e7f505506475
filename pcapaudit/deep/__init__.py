"""Wireshark's view of single frames: cut out of the capture, dissected by tshark through pyshark, in another process.

Nothing of a dissection decides a verdict; it lets a person check one.
"""
