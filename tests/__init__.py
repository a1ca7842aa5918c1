"""Every test of the project; `python -m tests.benchmarks` runs the benchmarks."""
