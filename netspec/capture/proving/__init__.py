"""The proof that a spec is its module."""
