"""The live watch in the browser: what it tells, and reports of any window that its ring still holds."""
