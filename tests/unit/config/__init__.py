"""The configuration room: text becomes a plan, or every problem at once."""
