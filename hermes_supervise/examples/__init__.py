"""Programs to try the supervisor with: how a well-behaved gateway takes part in its stop."""
