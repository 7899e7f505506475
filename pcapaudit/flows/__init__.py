"""From packets to what was said: flows, exchanges, hosts, and what the capture could see.

Takes the rows of the scan and the events of the dissectors; nothing here judges.
"""
