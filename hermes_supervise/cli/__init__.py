"""The command line: thin, quick to start, and the only room that draws."""
