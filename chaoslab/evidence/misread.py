"""Whether the health contract of an app does not fit what the app answers. Pure.

Then no start-up is ever complete, and the run would wait for it in vain. An app may also answer
otherwise while it warms up, so one such answer shows nothing.
"""

from __future__ import annotations

from chaoslab.evidence.reasons import UNKNOWN_WORD, health_answer
from chaoslab.evidence.timeline import SERVING, answered_s, exited, newest_boot, samples
from chaoslab.history.events import (
    FaultHealed,
    FaultMissed,
    FaultRequested,
    HealthSample,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.model.health import HealthContract
from chaoslab.model.topology import App
from chaoslab.reason import Code, Reason

LEAST = 5  # answers
LEAST_S = 3.0  # from the first to the last of them; for an app with more time to start
OF_STARTUP = 1 / 6  # this part of that time

MISREAD = Code(
    "health.misread",
    "the health contract of {app} does not fit what it answers: {cause} ({count} such answers in "
    "{lasted_s:.1f} s, and no other)",
    "Without a fault in force, all 2xx answers of health had a body without the field of the "
    "contract, or with a word that the contract does not have. The run was ended early: such an "
    "answer never shows a complete start-up. `cause` is the code of the reason, beside its data.",
)


def misread(app: App, history: History) -> Reason | None:
    """The reason that every answer of the app's newest boot is one that the contract does not read,
    for longer than an app warms up. None if that is not so, or not known yet.
    """
    begun = newest_boot(history, app.name)
    if begun is None or exited(history, app.name, begun.boot) is not None:
        return None
    if history.first_of_boot(StartupComplete, app.name, begun.boot) is not None:
        return None
    if (since_s := _no_fault_since_s(history)) is None:
        return None
    seen = [s for s in samples(history, app.name, begun.boot) if s.at_s >= since_s]
    answers = [s for s in seen if s.status_code is not None]
    if len(answers) < LEAST or not all(_is_misread(s, app.health) for s in answers):
        return None
    last, lasted_s = answers[-1], answered_s(answers[-1]) - answered_s(answers[0])
    if lasted_s < max(LEAST_S, OF_STARTUP * app.deadlines.startup_s):
        return None
    cause = health_answer(last) if last.error else UNKNOWN_WORD(word=last.word, app=app.name)
    return MISREAD.because_of(cause, app=app.name, count=len(answers), lasted_s=lasted_s)


def _is_misread(sample: HealthSample, contract: HealthContract) -> bool:
    """Whether it is a 2xx answer that the contract does not read."""
    if sample.status_code is None or not 200 <= sample.status_code < 300:
        return False
    known = sample.state in SERVING or (sample.word or "").lower() in contract.words
    return bool(contract.status_field) and not known


def _no_fault_since_s(history: History) -> float | None:
    """The time since which no fault is in force or requested. None if one is."""
    over: dict[str, float] = {e.fault: e.at_s for e in history.of(FaultMissed)}
    over |= {e.fault: e.at_s for e in history.of(FaultHealed)}
    asked = {e.fault for e in history.of(FaultRequested) if not e.armed}
    return None if asked - set(over) else max(over.values(), default=0.0)
