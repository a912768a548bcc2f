"""The lab's agent in the network of an app: sends canaries, observes sockets, sets packet rules."""
