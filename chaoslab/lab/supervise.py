"""Carries out what an app's supervisor does: it waits for the end of a boot, stops a boot that is
not live, and tells when the app is started again. `evidence.supervision` decides, by the history.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from chaoslab.evidence.supervision import restart_wait_s, stop_due
from chaoslab.history.events import Exited, RestartDecided
from chaoslab.model.supervisor import Supervisor
from chaoslab.probes.base import either, pause
from chaoslab.probes.watch import Watch

LOOK_EVERY_S = 0.05  # how often the history is read for answers of liveness


async def restart_due(
    supervisor: Supervisor, watch: Watch, over: asyncio.Event, stopped: asyncio.Event
) -> bool:
    """Wait until the boot has ended and the supervisor's back-off has passed. Returns whether the
    app must be started again now.

    Records each decision. The app is not started again if the run is `over`, or if the plan has
    `stopped` it.
    """
    watched = watch.watched
    ended = either(watch.ended_by_itself(), over.wait())
    await (either(_stop_if_not_live(supervisor, watch), ended) if supervisor.liveness else ended)
    journal = watched.journal
    history = journal.history
    gone = history.last_of_boot(Exited, **watched.who)
    if gone is None or gone.asked:  # the run is over, or the plan stopped the app
        return False
    wait_s = restart_wait_s(watched.app.name, supervisor, history)
    decided = RestartDecided(
        at_s=journal.now(),
        **watched.who,
        why=gone.supervisor or "exited",
        exit_code=gone.exit_code,
        wait_s=wait_s,
    )
    journal.append(decided)
    if wait_s is None:
        return False
    await either(pause(gone.at_s + wait_s - journal.now(), over), stopped.wait())
    if stopped.is_set():
        journal.append(replace(decided, at_s=journal.now(), why="stopped", wait_s=None))
    return not over.is_set() and not stopped.is_set()


async def _stop_if_not_live(supervisor: Supervisor, watch: Watch) -> None:
    """Stop the boot as soon as it is not live, by the answers that the lab has recorded."""
    watched = watch.watched
    while True:
        now_s, history = watched.journal.now(), watched.journal.history
        due = stop_due(watched.app, watched.boot, supervisor, history)
        if due is not None and due.at_s <= now_s:
            await watch.stop_as_supervisor(due.why, supervisor.grace_s)
            return
        await asyncio.sleep(LOOK_EVERY_S)
