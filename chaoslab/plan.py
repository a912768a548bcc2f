"""The parts of a plan, for scenarios. The most used ones are in `chaoslab` itself too."""

from chaoslab.model.lengths import doubled
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.steps import HttpQuestion, Probe, Scene, Step
from chaoslab.model.supervisor import Supervisor

__all__ = [
    "Boot",
    "HttpQuestion",
    "Load",
    "Plan",
    "Probe",
    "Sampling",
    "Scene",
    "Step",
    "Supervisor",
    "doubled",
]
