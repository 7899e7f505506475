"""The raw tables of a capture: made, asked, shown."""
