"""One file per protocol: payload bytes become an ``Event`` or ``Malformed``, never an exception.

``conversation`` picks the protocol of a TCP connection; the datagram protocols are called by
the kind that the scan gave the payload.
"""
