"""What products need from a network: signature files are found, read, checked and matched against a device.

No vendor is named in this room; all vendor knowledge is data in the signatures folder.
"""
