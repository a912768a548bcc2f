"""The container runtime: the same topology on an engine, behind a real Toxiproxy."""
