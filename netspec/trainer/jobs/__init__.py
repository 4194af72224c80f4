"""What a person asks for: training from beginning to end, a dry run of it, the fastest choices on this machine."""
