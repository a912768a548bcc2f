"""Exports the lab's faults as documents for tools that inject faults into a cluster."""
