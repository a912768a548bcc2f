"""The runtime that starts nothing: what stands already is watched, and left as it was found."""

from chaoslab.runtimes.attach.runtime import AttachedRuntime, AttachSession, open_attached

__all__ = ["AttachSession", "AttachedRuntime", "open_attached"]
