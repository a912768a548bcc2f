"""The same lab on a copy of a Compose file's stack."""
