"""What supervision costs, as ratios: ``python -m tests.benchmarks``."""
