"""Tests that start real processes and watch the world."""
