"""The capture as raw tables: one declaration for each, from which come its rows, its file and its dictionary."""
