"""Running a module: what it did, in which modes, and what a user's program did wrong."""
