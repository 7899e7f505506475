"""Who may come in, and what is kept from going out."""
