"""The lab: starts a topology, runs a plan on it, and writes the history."""
