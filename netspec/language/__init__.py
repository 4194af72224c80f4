"""What a spec may say, a file for each part of the language, and the walk that makes a net of it."""
