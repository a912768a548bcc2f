"""The container runtime: the topology on a container engine, behind a real Toxiproxy."""
