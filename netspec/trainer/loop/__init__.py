"""Steps and epochs: what runs them, looks at them, takes their state and goes on from it."""
