"""Local labs: real servers, apps and helpers as processes of this machine."""

from chaoslab.runtimes.local.runtime import LocalRuntime

__all__ = ["LocalRuntime"]
