"""Questions to the world that are not about processes: markers, probes, owners."""
