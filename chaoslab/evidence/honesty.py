"""Times in which requests of an app failed under a fault, and what health answered then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaoslab.evidence.timeline import Span, answered_s
from chaoslab.evidence.traffic import over_s
from chaoslab.history.events import HealthSample, Request
from chaoslab.model.health import HealthState

IN_A_ROW = 3  # so many failed requests, and so many good ones, are no coincidence
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
        return self.failed >= IN_A_ROW and span.end_s - span.start_s >= LASTED_S

    def fails_from(self, at_s: float) -> bool:
        """Whether `IN_A_ROW` requests in a row failed that were over at `at_s` or later."""
        row = 0
        for request in self.requests:
            if over_s(request) < at_s:
                continue
            row = row + 1 if request.outcome != "ok" else 0
            if row == IN_A_ROW:
                return True
        return False


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


def heard_in(span: Span, answers: Iterable[HealthSample]) -> list[HealthSample]:
    """The requests to health that were sent and over within `span`."""
    return [s for s in answers if s.at_s >= span.start_s and answered_s(s) <= span.end_s]


def all_healthy(answers: Iterable[HealthSample]) -> bool:
    """Whether every answer is healthy."""
    return all(s.state is HealthState.HEALTHY for s in answers)
