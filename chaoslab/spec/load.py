"""The traffic that a plan sends through an app while faults come and go. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.spec.when import AtMoment


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
    """How health is watched: one sample each `cadence_s`, each bounded by `timeout_s`.

    From `quiet_from` to `quiet_until` no sample is sent, so that the first traffic after a heal
    can be a user's (health traffic would wake stale pools). Liveness and readiness are asked each
    `prober_cadence_s` where an expectation is about them.
    """

    cadence_s: float = 0.05
    timeout_s: float = 1.0
    prober_cadence_s: float = 0.1
    quiet_from: AtMoment | None = None
    quiet_until: AtMoment | None = None
