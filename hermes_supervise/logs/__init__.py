"""What we write about ourselves; programs write their own files, never through us."""
