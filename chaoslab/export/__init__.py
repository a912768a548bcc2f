"""WHERE ELSE: the lab's faults, written down for tools that inject them into a cluster."""
