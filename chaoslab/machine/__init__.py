"""This machine: its environment, processes, ports, sockets and folders, for every runtime."""
