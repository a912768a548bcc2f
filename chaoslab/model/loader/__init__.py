"""Reads a topology file. Returns the topology, or raises an error with every mistake in
the file.
"""

from chaoslab.model.loader.document import OWN_FILE, SHARED_FILE, find_topology
from chaoslab.model.loader.topology import load_topology, read_topology

__all__ = ["OWN_FILE", "SHARED_FILE", "find_topology", "load_topology", "read_topology"]
