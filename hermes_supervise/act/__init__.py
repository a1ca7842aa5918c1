"""Deeds: decided actions become calls of a backend and files on disk; errors become facts."""
