"""Declarative process supervision for programs that must be drained, not killed."""

__version__ = "0.1.0"
