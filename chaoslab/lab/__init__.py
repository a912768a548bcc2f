"""The lab: brings a topology up, runs a plan on it, and writes the history. The only effects."""
