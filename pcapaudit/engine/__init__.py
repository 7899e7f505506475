"""The driver: takes batches and ticks from a source, keeps the one ``Partial``, answers with a report at any time.

The auditor itself opens nothing and knows no clock; the loops around it serve files, processes and live interfaces.
"""
