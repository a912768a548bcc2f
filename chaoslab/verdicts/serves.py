"""Serving: what an app that says that it is ready does for its users. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chaoslab.history.events import Write
from chaoslab.history.journal import History
from chaoslab.spec.expect import Serves
from chaoslab.spec.topology import App
from chaoslab.verdicts.timeline import run_ended
from chaoslab.verdicts.traffic import (
    IN_A_ROW,
    got,
    is_near,
    load_writes,
    near_faults,
    one_after_another,
    ready_s,
)
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown


def serves(e: Serves, app: App, history: History) -> Verdict:
    """Every write since the app said ready, away from faults, is acknowledged; in time as a rule.

    One late acknowledgement is a hiccup; three, each sent after the one before was over and none
    in time between them, are not.
    """
    claim = (
        f"{e.app}, once ready and with no fault near, acknowledges every write within "
        f"{e.within_s} s (at least {e.at_least})"
    )
    since_s = ready_s(history, e.app, e.boot)
    if since_s is None:
        return unknown("serves", claim, "never ready")
    counted = served_writes(e, history, since_s, app.deadlines.recovery_s)
    ok = [w for w in counted if w.outcome == "ok"]
    if bad := [w for w in counted if w.outcome != "ok"]:
        first = f"the first at {bad[0].at_s:.3f} s: {got(bad[0])}"
        many = f"{len(bad)} of {len(counted)} writes were not acknowledged"
        return failed("serves", claim, f"{many} after it said ready, with no fault near; {first}")
    if late := _late_in_a_row(ok, e.within_s):
        took = ", ".join(f"{w.took_s:.3f}" for w in late)
        why = f"{IN_A_ROW} writes, one after another, were acknowledged only after {took} s"
        return failed("serves", claim, f"{why}; the first at {late[0].at_s:.3f} s")
    if len(ok) < e.at_least:
        why = f"only {len(ok)} writes were acknowledged after it said ready, with no fault near"
        return unknown("serves", claim, why)
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown("serves", claim, "the run was cut short")
    slow = sum(w.took_s > e.within_s for w in ok)
    hiccups = f", {slow} of them late" if slow else ""
    slowest_s = max(w.took_s for w in ok)
    said = f"all {len(ok)} writes acknowledged{hiccups}, the slowest after {slowest_s:.3f} s"
    return passed("serves", claim, said)


def served_writes(e: Serves, history: History, since_s: float, recovery_s: float) -> list[Write]:
    """The writes that the claim is about: sent from `since_s` on, away from every fault, and from
    its heal for `recovery_s`.
    """
    near = near_faults(history, recovery_s)
    mine = load_writes(history, e.app, e.boot)
    return [w for w in mine if w.at_s >= since_s and not is_near(w, near)]


def _late_in_a_row(ok: Sequence[Write], within_s: float) -> list[Write]:
    """The first few that were late one after another; empty where there are none."""
    row: list[Write] = []
    for write in ok:
        if write.took_s <= within_s:
            row = []
            continue
        row = one_after_another([*row, write])
        if len(row) == IN_A_ROW:
            return row
    return []
