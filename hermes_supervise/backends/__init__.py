"""The only rooms that know an operating system; one protocol, one conformance suite for all."""
