"""Whether health was watched until a fault healed, or the plan replaced the boot. Pure."""

from __future__ import annotations

from typing import Protocol

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.timeline import Span, answered_s, replaced, run_ended, silence_s
from chaoslab.history.events import FaultHealing, HealthSample, QuestionsAsked
from chaoslab.history.journal import History
from chaoslab.model.load import Sampling
from chaoslab.reason import Code, Reason

UNANSWERED_S = 0.5  # a request that waits for longer at the heal shows no state at the heal
CUT_SHORT = Code(
    "run.cut_short_before_heal",
    "the run was cut short before the heal of {fault}",
    "The run ended before the heal of the fault, and the claim lasts until that heal.",
)
SILENT = Code(
    "health.silent_before_heal",
    "no answer of health was observed in the last {silent_s:.3f} s of {fault}",
    "At the end of the fault the lab did not ask health, or the app left a request open.",
)


class UnderFault(OfBoot, Protocol):
    """A claim about one boot while one fault is in force."""

    @property
    def fault(self) -> str: ...


def silent_before_heal(
    e: UnderFault,
    watch: Span,
    seen: list[HealthSample],
    asked: list[HealthSample],
    sampling: Sampling,
) -> Reason | None:
    """The reason that the last answer of health was received too long before the heal: the lab sent
    no request, or the app left one open. None if that is not so.

    `watch` is the time that is judged, `seen` the answers in it, `asked` all answers of the boot.
    """
    silent_s = watch.end_s - max((answered_s(s) for s in seen), default=watch.start_s)
    open_s = (s.at_s for s in asked if s.at_s < watch.end_s < answered_s(s))
    waited_s = watch.end_s - min(open_s, default=watch.end_s)
    if silent_s <= silence_s(sampling) and waited_s <= UNANSWERED_S:
        return None
    return SILENT(fault=e.fault, silent_s=silent_s)


def replaced_s(e: OfBoot, history: History) -> float | None:
    """The time at which the plan replaced this boot: at which the lab stopped asking it, or the
    boot ended if that was earlier. None if the plan did not replace it.
    """
    if (stopped := replaced(history, e.app, e.boot)) is None:
        return None
    asked = history.last_of_boot(QuestionsAsked, e.app, e.boot)
    return min(stopped.at_s, asked.at_s) if asked else stopped.at_s


def watched_until_heal(e: UnderFault, span: Span, history: History) -> bool:
    """Whether the boot was watched until the heal, or until the plan replaced it before.

    A run that is cut short heals its faults as well, but too early.
    """
    stopped_s = replaced_s(e, history)
    if stopped_s is not None and stopped_s <= span.end_s:
        return True
    end = run_ended(history)
    healing = history.first(FaultHealing, lambda h: h.fault == e.fault)
    return healing is not None and (end is None or end.settled)
