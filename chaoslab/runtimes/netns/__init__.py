"""The netns runtime: servers as processes, each app in a network namespace of its own. Linux only,
without root.
"""

from chaoslab.runtimes.netns.runtime import NetnsRuntime

__all__ = ["NetnsRuntime"]
