"""The traffic that a plan sends to an app during a run. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import App
from chaoslab.model.when import AtMoment

ProbedPath = Literal["live", "ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One of the app's requests, sent `rate_per_s` times per second, from `start` to `stop`.

    `request` is its name in `[apps.<app>.requests]`; by default the first write that can be looked
    up, or else the first request. With `stop=None` the load continues until the run ends. A request
    is sent at its time, even if earlier ones have no answer yet (open loop). Each waits `timeout_s`
    seconds for its answer. If rate or limit is None, that of the request's contract holds.
    """

    start: AtMoment
    stop: AtMoment | None = None
    rate_per_s: float | None = None
    timeout_s: float | None = None
    app: str = ""
    request: str = ""

    def of(self, contract: RequestContract) -> Load:
        """A copy of the load with the contract's name, and its rate and limit where the load has
        none.
        """
        return replace(
            self,
            request=contract.name,
            rate_per_s=contract.rate_per_s if self.rate_per_s is None else self.rate_per_s,
            timeout_s=contract.timeout_s if self.timeout_s is None else self.timeout_s,
        )

    @property
    def every_s(self) -> float:
        """The seconds from one request to the next. Only for a resolved load."""
        assert self.rate_per_s is not None, "the plan was not resolved"
        return 1.0 / self.rate_per_s

    @property
    def waits_s(self) -> float:
        """How many seconds a request waits for its answer. Only for a resolved load."""
        assert self.timeout_s is not None, "the plan was not resolved"
        return self.timeout_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the lab asks health: one request every `cadence_s` seconds, which waits `timeout_s`
    seconds for its answer.

    On one path never more than one request is open. The lab sends one every `fast_s` seconds (or
    `cadence_s` if that is less) while the plan waits for the start-up, for health to show a fault
    or its heal, or for a trigger, and for 1 s after the state of health changed. An app's own
    `health.period_s` is the shortest time between two.

    From `quiet_from` to `quiet_until` the lab sends no request, so that the first traffic after a
    heal can be a user's: requests for health would renew stale connections in pools. Liveness and
    readiness are asked every `prober_cadence_s` seconds, if an expectation is about them, if the
    app's supervisor restarts it on failed liveness, or if they are among `probers`.
    """

    cadence_s: float = 0.25
    fast_s: float = 0.05
    timeout_s: float = 1.0
    prober_cadence_s: float = 0.25
    probers: tuple[ProbedPath, ...] = ()
    quiet_from: AtMoment | None = None
    quiet_until: AtMoment | None = None

    def of(self, app: App) -> Sampling:
        """A copy of the sampling for this app: between two requests there are at least the app's
        `health.period_s` seconds.
        """
        period_s = app.health.period_s or 0.0
        return replace(
            self,
            cadence_s=max(self.cadence_s, period_s),
            fast_s=max(self.fast_s, period_s),
            prober_cadence_s=max(self.prober_cadence_s, period_s),
        )
