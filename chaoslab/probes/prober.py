"""Samples liveness and readiness, as the prober of a platform does, with its time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chaoslab.history.events import Bound, ProberSample
from chaoslab.model.load import ProbedPath, Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.probes.base import NO_ANSWER, Watched, either, get, why_no_answer
from chaoslab.probes.lab_trouble import NotAsked
from chaoslab.probes.sampler import Sampler

LONGEST_WAIT_S = 1e6  # no limit in practice: the boot ends sooner


class ProberProbe:
    """Sends a request to one path of a boot each `sampling.prober_cadence_s`, once the app listens
    on its port.

    Requests are sent more often while `awaits()` is true. A request without an answer ends at the
    prober's time limit, and the next one starts after it.
    """

    def __init__(
        self,
        watched: Watched,
        which: ProbedPath,
        sampling: Sampling,
        awaits: Callable[[], bool] = lambda: False,
    ) -> None:
        path = _path(watched.app, which)
        assert path is not None, "no path to request"
        self._watched, self._which, self._path = watched, which, path
        self._sampler = Sampler(
            self._sample,
            cadence_s=sampling.prober_cadence_s,
            sampling=sampling,
            journal=watched.journal,
            awaits=awaits,
        )

    async def run(self, over: asyncio.Event) -> None:
        """Sample until `over` is set, then wait for the last answer up to its time limit."""
        if not self._watched.attached:
            await either(self._bound(), over.wait())
        if not over.is_set():
            await self._sampler.run(over)

    async def _bound(self) -> None:
        who = (self._watched.app.name, self._watched.boot)
        await self._watched.journal.wait_for(
            lambda events: next(
                (e for e in events if isinstance(e, Bound) and (e.app, e.boot) == who), None
            ),
            LONGEST_WAIT_S,
        )

    async def _sample(self) -> None:
        async with self._watched.questions.one(self._path) as mine:
            if mine:
                await self._ask()

    async def _ask(self) -> None:
        watched, journal = self._watched, self._watched.journal
        limit_s = watched.app.health.prober_timeout_s
        sent_s, code, error = journal.now(), None, None
        try:
            code = (await get(watched, self._path, timeout_s=limit_s)).status_code
        except NotAsked:
            return
        except NO_ANSWER as failure:
            error = why_no_answer(failure)
        journal.append(
            ProberSample(
                at_s=sent_s,
                **watched.who,
                path=self._which,
                took_s=journal.now() - sent_s,
                status_code=code,
                error=error,
            )
        )


def probed(plan: Plan, app: App) -> tuple[ProbedPath, ...]:
    """Those of the app's paths `live` and `ready` that it has and that an expectation of the plan,
    its sampling, or the app's supervisor, asks for.
    """
    wanted = {watch for e in plan.expect if e.app == app.name for watch in e.watches}
    supervisors = (boot.supervisor for boot in plan.boots if boot.app == app.name)
    supervised = any(each.liveness for each in supervisors if each)
    needed: dict[ProbedPath, bool] = {
        "live": supervised or "liveness" in wanted,
        "ready": "readiness" in wanted,
    }
    asked = {which for which, needs in needed.items() if needs} | {*plan.sampling.probers}
    return tuple(which for which in needed if which in asked and _path(app, which) is not None)


def _path(app: App, which: ProbedPath) -> str | None:
    return app.health.live_path if which == "live" else app.health.ready_path
