"""Statistics as tables, figures, JSON and notebook output: they only show what they are given."""
