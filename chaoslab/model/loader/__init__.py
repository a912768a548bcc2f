"""Reads a topology file: the topology, or every mistake at once."""

from chaoslab.model.loader.document import OWN_FILE, SHARED_FILE, find_topology
from chaoslab.model.loader.topology import load_topology, read_topology

__all__ = ["OWN_FILE", "SHARED_FILE", "find_topology", "load_topology", "read_topology"]
