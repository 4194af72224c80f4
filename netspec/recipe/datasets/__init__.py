"""The data sets: facts about each, known without its files."""
