"""What outlives the supervisor: intent, memory and history on disk."""
