"""Serving: what an app that says that it is ready does for its users. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chaoslab.evidence.timeline import run_ended
from chaoslab.evidence.traffic import IN_A_ROW, got, one_after_another
from chaoslab.history.events import Write
from chaoslab.history.journal import History
from chaoslab.model.expect import Serves
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.verdicts.served import Served, fresh, half, loads_over, served
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown


def serves(e: Serves, app: App, plan: Plan, history: History) -> Verdict:
    """Every write since the app said ready, away from faults, is acknowledged; in time as a rule.

    Where faults came, `after_heal` of them must have been sent after the last heal and the app's
    time to recover: what was served before a fault says nothing of the time after it.
    One late acknowledgement is a hiccup; three, each sent after the one before was over and none
    in time between them, are not.
    """
    claim = (
        f"{e.app}, once ready and with no fault near, acknowledges every write within "
        f"{e.within_s} s (at least {e.at_least})"
    )
    found = served(e, history, app.deadlines.recovery_s)
    if found is None:
        return unknown("serves", claim, "never ready")
    if found.calm_s is not None:
        claim += f", {e.after_heal} of them after the last heal and {app.deadlines.recovery_s} s"
    lines = tuple(found.lines())
    if wrong := _wrong(e, found.writes):
        return failed("serves", claim, wrong, *lines)
    ok = len(found.writes)
    if ok < e.at_least:
        why = f"only {ok} writes were acknowledged after it said ready, with no fault near"
        return unknown("serves", claim, why, *lines)
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown("serves", claim, "the run was cut short", *lines)
    if missing := _too_few_after(e, found, plan, history):
        return unknown("serves", claim, missing, *lines)
    return passed("serves", claim, _told(e, found.writes), *lines)


def _wrong(e: Serves, counted: Sequence[Write]) -> str:
    """What contradicts the claim; empty where nothing does."""
    if bad := [w for w in counted if w.outcome != "ok"]:
        first = f"the first at {bad[0].at_s:.3f} s: {got(bad[0])}"
        many = f"{len(bad)} of {len(counted)} writes were not acknowledged"
        return f"{many} after it said ready, with no fault near; {first}"
    if late := _late_in_a_row(counted, e.within_s):
        took = ", ".join(f"{w.took_s:.3f}" for w in late)
        why = f"{IN_A_ROW} writes, one after another, were acknowledged only after {took} s"
        return f"{why}; the first at {late[0].at_s:.3f} s"
    return ""


def _too_few_after(e: Serves, found: Served, plan: Plan, history: History) -> str:
    """Why the time after the faults cannot be judged; empty where it can, or there was no fault."""
    if found.calm_s is None:
        return ""
    if found.calm_s == math.inf:
        return "a fault was not healed while the app ran: nothing shows how it serves afterwards"
    after, needs = found.after, half(e.after_heal)
    if len(after) >= e.after_heal and fresh(after) >= needs:
        return ""
    if over := loads_over(e, plan, history, found.calm_s):
        return f"no load ran after the last heal and the time to recover: {', '.join(over)}"
    if len(after) < e.after_heal:
        return f"only {len(after)} writes came after that, expected {e.after_heal}"
    return f"only {fresh(after)} of them came on fresh connections, expected {needs}"


def _told(e: Serves, ok: Sequence[Write]) -> str:
    slow = sum(w.took_s > e.within_s for w in ok)
    hiccups = f", {slow} of them late" if slow else ""
    slowest_s = max(w.took_s for w in ok)
    return f"all {len(ok)} writes acknowledged{hiccups}, the slowest after {slowest_s:.3f} s"


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
