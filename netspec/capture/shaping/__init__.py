"""Names and numbers of items, blocks and loops."""
