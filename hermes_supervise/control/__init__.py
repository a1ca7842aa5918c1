"""Talking to a running supervisor: one protocol file, used by the server and by the client."""
