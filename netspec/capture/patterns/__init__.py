"""What a program writes out and a spec has a word for, in the items."""
