"""What was acknowledged is kept: looked up in the database itself. Pure."""

from __future__ import annotations

from chaoslab.history.events import ReadBack, Write
from chaoslab.history.journal import History
from chaoslab.spec.expect import KeepsAcknowledged
from chaoslab.verdicts.traffic import over_s
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown


def keeps_acknowledged(e: KeepsAcknowledged, history: History) -> Verdict:
    """Every acknowledged write is in the database; one that cannot be kept gets a polite 503."""
    claim = f"every write that {e.app} acknowledged is kept (at least {e.at_least})"
    writes = [w for w in history.of(Write) if w.app == e.app and w.purpose == "load"]
    ok = [w for w in writes if w.outcome == "ok"]
    counts = {o: sum(w.outcome == o for w in writes) for o in ("ok", "failed", "indeterminate")}
    mute = sum(w.outcome == "indeterminate" and w.status_code is None for w in writes)
    because = "writes: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    because += f" ({mute} without an answer)" if mute else ""
    looked = {w.op: looked_up(w, history) for w in ok}
    lost = [op for op, back in looked.items() if back and op in back.missing]
    wrong = [f"{len(lost)} acknowledged and lost: {', '.join(lost[:5])}"] if lost else []
    if rude := next((w for w in writes if _is_rude(w)), None):
        lacks = " without Retry-After" if rude.status_code == 503 else ", expected 503"
        wrong.append(f"{rude.status_code}{lacks} at {rude.at_s:.3f} s")
    if wrong:
        return failed("kept", claim, because, *wrong)
    if unseen := [op for op, back in looked.items() if back is None]:
        return unknown("kept", claim, because, f"{len(unseen)} were not looked up after that")
    if len(ok) < e.at_least:
        return unknown("kept", claim, because, f"fewer than {e.at_least} acknowledged")
    return passed("kept", claim, because, "all found in the database itself")


def looked_up(write: Write, history: History) -> ReadBack | None:
    """The last look for its app's writes after it was acknowledged; an earlier one says nothing."""
    return history.last(
        ReadBack,
        lambda b: (
            b.app == write.app and b.at_s >= over_s(write) and write.op in (*b.found, *b.missing)
        ),
    )


def _is_rude(write: Write) -> bool:
    """A server's error that does not say: nothing was kept, come again then."""
    code = write.status_code or 0
    return code >= 500 and not (code == 503 and write.retry_after)
