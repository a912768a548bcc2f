"""Real servers as processes of this machine."""
