"""The plan room: its text, its differences, places and environments."""
