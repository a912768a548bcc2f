"""Times in which requests of an app failed under a fault, and what health answered then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile

from chaoslab.evidence.timeline import Span, answered_s
from chaoslab.evidence.traffic import over_s
from chaoslab.history.events import HealthSample, Request
from chaoslab.model.health import HealthState

IN_A_ROW = 3  # so many good requests in a row end a time of failures
AT_LEAST = 3  # so many failed requests are no coincidence
LASTED_S = 1.0  # a shorter time may be only the race at the begin or the end of a fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time in which requests of one name failed. It ends before `IN_A_ROW` good ones in a row.

    `requests` are all requests of that time, from the first that failed to the last that failed.
    """

    requests: Sequence[Request]

    @property
    def span(self) -> Span:
        """From the end of the first failed request to the end of the last one: from the first on
        the app could know of the failure.
        """
        return Span(start_s=over_s(self.requests[0]), end_s=max(map(over_s, self.requests)))

    @property
    def failed(self) -> int:
        """How many of the requests failed."""
        return sum(r.outcome != "ok" for r in self.requests)

    @property
    def lasted(self) -> bool:
        """Whether it is more than a race at the begin or the end of a fault."""
        span = self.span
        return self.failed >= AT_LEAST and span.end_s - span.start_s >= LASTED_S

    def failed_from(self, at_s: float) -> int:
        """How many of the requests failed that were over at `at_s` or later. They need not be in a
        row: with one dead connection in a pool only some fail.
        """
        return sum(r.outcome != "ok" for r in self.requests if over_s(r) >= at_s)


def spells(requests: Iterable[Request]) -> Iterator[Spell]:
    """Yields each time in which requests failed. `requests` are those of one name."""
    row: list[Request] = []
    good = 0
    for request in sorted(requests, key=over_s):
        failed = request.outcome != "ok"
        if not row and not failed:
            continue
        row.append(request)
        good = 0 if failed else good + 1
        if good == IN_A_ROW:
            yield Spell(requests=row[:-IN_A_ROW])
            row, good = [], 0
    if row:
        yield Spell(requests=row[: len(row) - good])


def outside(requests: Iterable[Request], spans: Sequence[Span]) -> list[Request]:
    """The requests that show how often they fail without the faults, which were asked for and in
    force in `spans`: those before the first of them, from the first good answer on. If none was
    good then, as of an app that is started under the fault, those after the last one; then others.
    """
    every = sorted(requests, key=over_s)
    first_s, last_s = min(s.start_s for s in spans), max(s.end_s for s in spans)
    before = (r for r in every if over_s(r) <= first_s)
    after = (r for r in every if r.at_s >= last_s)
    between = (r for r in every if not any(s.holds(r.at_s) for s in spans))
    return _from_first_good(before) or _from_first_good(after) or _from_first_good(between)


def _from_first_good(requests: Iterable[Request]) -> list[Request]:
    return list(dropwhile(lambda r: r.outcome != "ok", requests))


def heard_in(span: Span, answers: Iterable[HealthSample]) -> list[HealthSample]:
    """The requests to health that were sent and over within `span`."""
    return [s for s in answers if s.at_s >= span.start_s and answered_s(s) <= span.end_s]


def all_healthy(answers: Iterable[HealthSample]) -> bool:
    """Whether every answer is healthy."""
    return all(s.state is HealthState.HEALTHY for s in answers)
