"""A run that is there: opened, measured on its data, asked about pictures."""
