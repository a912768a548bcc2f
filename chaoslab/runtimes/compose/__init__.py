"""The Compose runtime: runs the lab on a copy of the stack that a Compose file declares."""
