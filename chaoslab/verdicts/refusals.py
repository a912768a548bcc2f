"""What an app answers to a write that it cannot keep. Pure."""

from __future__ import annotations

from chaoslab.evidence.timeline import run_ended
from chaoslab.evidence.traffic import got
from chaoslab.history.events import Write
from chaoslab.history.journal import History
from chaoslab.model.expect import RefusesHonestly
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown

MOST_NAMED = 3
UNAVAILABLE = 503


def refuses_honestly(e: RefusesHonestly, history: History) -> Verdict:
    """Each error of the server's is a 503 with Retry-After: nothing was kept, come again then."""
    claim = f"each write that {e.app} answers with an error of its own gets 503 with Retry-After"
    claim += f" (at least {e.at_least})"
    refused = refusals(e, history)
    wrong = [w for w in refused if w.status_code != UNAVAILABLE or not w.retry_after]
    if wrong:
        count = f"{len(wrong)} of {len(refused)} error responses are wrong"
        return failed("refusal", claim, count, *map(_wrong, wrong[:MOST_NAMED]))
    because = (
        f"{len(refused)} writes were answered 503 with Retry-After, and none with another error"
    )
    if len(refused) < e.at_least:
        return unknown("refusal", claim, f"fewer than {e.at_least} were refused", because)
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown("refusal", claim, "the run was cut short", because)
    return passed("refusal", claim, because)


def refusals(e: RefusesHonestly, history: History) -> list[Write]:
    """The load's writes that the app answered with an error of its own (500 or more)."""
    mine = (w for w in history.of(Write) if w.app == e.app and w.purpose == "load")
    return [w for w in mine if (w.status_code or 0) >= 500]


def _wrong(write: Write) -> str:
    lacks = "without Retry-After" if write.status_code == UNAVAILABLE else "expected 503"
    return f"at {write.at_s:.3f} s: {got(write)} ({lacks})"
