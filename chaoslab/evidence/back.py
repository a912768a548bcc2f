"""Whether an app is as in its steady state again after a heal, over all of its boots. Pure.

It is so from the first answer of the last row of good ones. The module `way_back` says what shows
that the app uses the path again that a fault had cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaoslab.evidence.claim import OfApp
from chaoslab.evidence.every_boot import health_answers, load_names, requests_of, steady_health
from chaoslab.evidence.timeline import HEARD_S, Span, answered_s
from chaoslab.evidence.traffic import over_s
from chaoslab.history.events import HealthSample
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.reason import Code, Reason

NOT_ASKED_AT_BOUND = Code(
    "back.not_asked_at_bound",
    "{what} was not asked from {last_s:.3f} to {sent_s:.3f} s; the bound was at {bound_s:.3f} s",
    "The bound was between two questions, so it is not known whether the app kept it.",
)
NOT_ASKED_UNTIL_BOUND = Code(
    "back.not_asked_until_bound",
    "{what} was not asked after {last_s:.3f} s; the bound was at {bound_s:.3f} s",
    "The last question was over too long before the bound to know the state at the bound.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to the app after the heal: when it was sent and over, and whether the answer was
    as in the steady state.
    """

    sent_s: float
    over_s: float
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """The questions of one kind after the heal, in the order in which they were sent. `what` is
    `health`, or the name of a request. `every_s` is the longest usual pause between two of them.
    """

    what: str
    asked: Sequence[Asked]
    every_s: float

    @property
    def row(self) -> Sequence[Asked]:
        """The last questions, as far as all of them got a good answer."""
        bad = [i for i, each in enumerate(self.asked) if not each.good]
        return self.asked[bad[-1] + 1 :] if bad else self.asked

    @property
    def since_s(self) -> float | None:
        """The time since which every answer was good. None if the last one was not, or if there was
        no question.
        """
        return self.row[0].over_s if self.row else None

    @property
    def last_bad_s(self) -> float | None:
        """The time at which the last question without a good answer was over. None if all got
        one.
        """
        return max((each.over_s for each in self.asked if not each.good), default=None)

    def unseen_at(self, bound_s: float) -> Reason | None:
        """The reason why it is not known whether the good answers had begun by the bound. None if
        it is known.
        """
        if not self.row:
            last_s = self.last_bad_s
            if last_s is not None and last_s >= bound_s - HEARD_S - self.every_s:
                return None
            return NOT_ASKED_UNTIL_BOUND(
                what=self.what, last_s=0.0 if last_s is None else last_s, bound_s=bound_s
            )
        first, last_s = self.row[0], self.last_bad_s
        if first.sent_s <= bound_s or (last_s is not None and last_s >= bound_s):
            return None
        before_s = 0.0 if last_s is None else last_s
        return NOT_ASKED_AT_BOUND(
            what=self.what, last_s=before_s, sent_s=first.sent_s, bound_s=bound_s
        )


def as_before(e: OfApp, plan: Plan) -> str:
    """The begin of a claim: what is as before, as far as the plan asks for it."""
    if load_names(e, plan):
        return f"health and requests of {e.app} are as before"
    return f"health of {e.app} is as before"


def health_back(e: OfApp, history: History, span: Span, every_s: float) -> Back:
    """The questions to health after the heal, compared with health before the first fault. Without
    such an answer it must be healthy.
    """
    before = steady_health(e, history)
    asked = (
        Asked(sent_s=s.at_s, over_s=answered_s(s), good=is_as_before(s, before))
        for s in health_answers(e, history)
    )
    return Back(what="health", asked=_within(span, asked), every_s=every_s)


def is_as_before(sample: HealthSample, before: HealthSample | None) -> bool:
    """Whether an answer of health has the state and the status of the answer `before` the fault;
    without one, whether it is healthy.
    """
    if before is None:
        return sample.state is HealthState.HEALTHY
    return (sample.state, sample.status_code) == (before.state, before.status_code)


def request_back(e: OfApp, history: History, span: Span, name: str, every_s: float) -> Back:
    """The requests of one name after the heal."""
    asked = (
        Asked(sent_s=r.at_s, over_s=over_s(r), good=r.outcome == "ok")
        for r in requests_of(e, history, name)
    )
    return Back(what=name, asked=_within(span, asked), every_s=every_s)


def _within(span: Span, asked: Iterable[Asked]) -> list[Asked]:
    """The questions that were sent after the heal and over before the next fault."""
    return [q for q in asked if span.start_s <= q.sent_s and q.over_s <= span.end_s]
