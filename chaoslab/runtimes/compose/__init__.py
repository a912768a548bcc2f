"""The same lab on a Compose stack: one that runs already, or one of the session's own."""
