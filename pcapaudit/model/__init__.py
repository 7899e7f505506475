"""The words every other room uses: frozen data classes, enumerations, errors.

Imports nothing of ours and nothing outside the standard library.
"""
