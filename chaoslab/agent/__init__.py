"""Observes and changes a network namespace: canaries, the table of sockets, packet rules."""
