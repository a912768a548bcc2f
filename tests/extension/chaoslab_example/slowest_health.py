"""A column of the report: the slowest answer of health of each boot."""

from __future__ import annotations

from chaoslab.evidence.timeline import samples
from chaoslab.history.journal import History
from chaoslab.report.columns import Column


def slowest_s(history: History, app: str, boot: int) -> float | None:
    """Seconds; None where health never answered."""
    answered = (s for s in samples(history, app, boot) if s.status_code is not None)
    return max((s.took_s for s in answered), default=None)


SLOWEST_HEALTH = Column(name="slowest_health_s", heading="slowest\nhealth", of=slowest_s)
