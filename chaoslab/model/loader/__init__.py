"""Reads a topology file: every mistake at once, or the whole topology."""

from chaoslab.model.loader.topology import (
    OWN_FILE,
    SHARED_FILE,
    find_topology,
    load_topology,
    read_topology,
)

__all__ = ["OWN_FILE", "SHARED_FILE", "find_topology", "load_topology", "read_topology"]
