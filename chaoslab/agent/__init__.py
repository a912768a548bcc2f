"""Eyes and hands inside a network namespace: canaries, the table of sockets, packet rules."""
