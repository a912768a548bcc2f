"""This machine: its environment, processes, ports, sockets and folders; every runtime uses it."""
