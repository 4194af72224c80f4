"""Several members of a family as one spec with variants: their items side by side, and what differs as variables."""
