"""Shows a finished report: one file per format, and the document's own reading and writing."""
