"""A reason that says how far a start-up got while a fault was in force. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.timeline import answered_s, samples, spawned, started_by
from chaoslab.history.events import Bound
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason


def _not_complete(data: Mapping[str, Any]) -> str:
    fault, status = data["fault"], data["status_code"]
    word = f" '{data['word']}'" if data["word"] else ""
    if not data["listened"]:
        course = f"did not listen while {fault} was in force"
    elif status is None:
        course = f"listened and gave no answer of health while {fault} was in force"
    else:
        course = f"listened and answered {status}{word} while {fault} was in force"
    if data["up_after_s"] is None:
        return f"{course}, and start-up was not complete"
    return f"{course}, up {data['up_after_s']:.1f} s later"


NOT_COMPLETE = Code(
    "start.not_complete_under_fault",
    _not_complete,
    "Start-up was not complete while the fault was in force. `listened` and `status_code` show "
    "what the app had done by the end of that time; `up_after_s` is how many seconds after it "
    "start-up was complete (null: it never was).",
    data=("fault", "listened", "status_code", "word", "up_after_s"),
)


def not_complete(e: OfBoot, fault: str, until_s: float, history: History) -> Reason:
    """The reason with what was observed until `until_s` of a start-up that was not complete by
    then.
    """
    bound = history.first_of_boot(Bound, e.app, e.boot)
    begun = spawned(history, e.app, e.boot)
    running = begun is not None and begun.standing
    heard = [
        s for s in samples(history, e.app, e.boot) if s.status_code and answered_s(s) <= until_s
    ]
    last = heard[-1] if heard else None
    up_s = started_by(history, e.app, e.boot)
    return NOT_COMPLETE(
        fault=fault,
        listened=running or last is not None or (bound is not None and bound.at_s <= until_s),
        status_code=last.status_code if last else None,
        word=last.word if last else None,
        up_after_s=None if up_s is None else up_s - until_s,
    )
