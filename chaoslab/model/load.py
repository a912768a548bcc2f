"""The traffic that a plan sends through an app while faults come and go. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chaoslab.model.topology import App
from chaoslab.model.when import AtMoment


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Writes through the app's write contract at `rate_per_s` (open loop), from `start` to `stop`.

    `stop=None` goes on until the run ends. Each request has a time-out of its own.
    """

    start: AtMoment
    stop: AtMoment | None = None
    rate_per_s: float = 10.0
    timeout_s: float = 2.0
    app: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How health is watched: one question each `cadence_s`, its answer bounded by `timeout_s`.

    Never two at once on a path: a question that is due waits until the one before is over. Each
    `fast_s` (or `cadence_s`, where that is less) while something is awaited of the boot:
    its start-up; what health says of a fault, or of its heal; a trigger of the plan; each within
    its bound, and for 1 s after health has turned. An app's own `health.period_s` is the least.

    From `quiet_from` to `quiet_until` no sample is sent, so that the first traffic after a heal
    can be a user's (health traffic would wake stale pools). Liveness and readiness are asked each
    `prober_cadence_s`, and as fast as health while something is awaited, where an expectation is
    about them.
    """

    cadence_s: float = 0.25
    fast_s: float = 0.05
    timeout_s: float = 1.0
    prober_cadence_s: float = 0.25
    quiet_from: AtMoment | None = None
    quiet_until: AtMoment | None = None

    def of(self, app: App) -> Sampling:
        """The same for an app that is not to be asked more often than each `health.period_s`."""
        period_s = app.health.period_s or 0.0
        return replace(
            self,
            cadence_s=max(self.cadence_s, period_s),
            fast_s=max(self.fast_s, period_s),
            prober_cadence_s=max(self.prober_cadence_s, period_s),
        )
