"""The parts of a plan, for those who write scenarios; the most used are in `chaoslab` itself."""

from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan

__all__ = ["Boot", "Load", "Plan", "Sampling"]
