"""Net → text in other languages: JSON, Python."""
