"""The analyst's door: a capture as pandas tables and pictures. Nothing below imports it."""
