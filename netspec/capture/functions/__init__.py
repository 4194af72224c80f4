"""What each function that a program calls is in a spec."""
