"""Looks at a folder and a command, and proposes the topology of a service: `chaoslab init`."""
