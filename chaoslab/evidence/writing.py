"""Functions about the writes of a load: for how many a run still waits, and when the loads begin.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoslab.evidence.timeline import exited, newest_boot
from chaoslab.evidence.traffic import over_s
from chaoslab.history.events import (
    ReadBack,
    Request,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.history.triggers import missed_places
from chaoslab.model.plan import Plan
from chaoslab.reason import Code

WRITES_DRY_S = 2.0  # after so long without an acknowledged write, the run waits for no more
LOOKED_S = 0.25  # after a bound, until the read of the database that shows it is in the history

FEW_ACKNOWLEDGED = Code(
    "write.few_acknowledged",
    "only {count} writes were acknowledged, expected at least {at_least}",
    "Fewer writes were acknowledged than the claim requires.",
)


def dry_s(app: str, plan: Plan) -> float:
    """The seconds that the run waits for the next acknowledged write: 2 s, or twice the pause
    between two writes of a load if that is longer.
    """
    return max([WRITES_DRY_S, *(2 * load.every_s for load in plan.load if load.app == app)])


def more_of(
    ok: list[Request],
    at_least: int,
    begins_s: Iterable[float],
    now_s: float,
    dry_s: float,
    *,
    what: str = "writes",
) -> str | None:
    """Text that says how many acknowledged writes are missing. None if `ok` has `at_least` writes,
    or if none was acknowledged for `dry_s` seconds. `what` is what the text calls them.
    """
    newest_s = max([*map(over_s, ok), *begins_s], default=0.0)
    if len(ok) >= at_least or now_s > newest_s + dry_s:
        return None
    return f"{at_least - len(ok)} more acknowledged {what}"


def loads_begin_s(app: str, plan: Plan, history: History) -> Iterator[float]:
    """Yields, for each load of the app, the time at which it began, or, if it has not begun, the
    time at which the wait for its trigger ends. Loads whose trigger was missed are left out.
    """
    begun = newest_boot(history, app)
    missed = missed_places(history)
    for number, load in enumerate(plan.load):
        if load.app != app or f"load[{number}].start" in missed:
            continue
        if (came := find(load.start, history.events)) is not None:
            yield came.at_s + load.start.after_s
        elif begun is not None:
            yield begun.at_s + (load.start.within_s or 0.0)


def started_by_s(app: str, history: History, startup_s: float) -> float:
    """The time at which the app's newest start-up was complete, or, if it is not complete, at which
    its `startup_s` seconds end. 0 if the app does not run.
    """
    begun = newest_boot(history, app)
    if begun is None or exited(history, app, begun.boot) is not None:
        return 0.0
    complete = history.first_of_boot(StartupComplete, app, begun.boot)
    return complete.at_s if complete else begun.at_s + startup_s


def looked_up(write: Request, history: History) -> ReadBack | None:
    """The last read of the database that looked for this write and began after the write was over.
    None if there is none.
    """
    return history.last(
        ReadBack,
        lambda b: (
            b.app == write.app and b.at_s >= over_s(write) and write.op in (*b.found, *b.missing)
        ),
    )
