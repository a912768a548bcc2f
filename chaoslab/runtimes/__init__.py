"""The runtimes: each runs a topology's parts in one way, such as processes or containers."""
