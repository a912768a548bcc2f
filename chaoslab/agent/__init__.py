"""The lab's agent in an app's network: sends canaries, observes sockets, sets packet rules."""
