"""What the history means. Pure functions."""
