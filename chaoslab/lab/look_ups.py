"""How the effects of an app's writes and jobs are looked up in a run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from chaoslab.injection.context import Context
from chaoslab.lab.boots import Boots
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.plan import Plan
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import App
from chaoslab.probes.base import guarded
from chaoslab.probes.channels import Channel
from chaoslab.probes.deliveries import Deliveries
from chaoslab.probes.jobs import Jobs
from chaoslab.probes.read_back import LookUp, in_service, through_app
from chaoslab.probes.workload import Sender


class LookUps:
    """The look-ups of one run: of each request with a place where its effect is found."""

    def __init__(self, plan: Plan, context: Context, boots: Boots) -> None:
        self._plan, self._context, self._boots = plan, context, boots
        self._all_sent = asyncio.Event()
        self._of_jobs: list[asyncio.Task[None]] = []

    def sender(self, app: str) -> Sender | None:
        """What sends the requests of the newest boot of the app. None before its first boot."""
        watch = self._boots.watches.get(app)
        return watch.sender if watch else None

    def of(self, app: App, contract: RequestContract) -> LookUp | None:
        """How the effects of the contract are looked up. None if nothing is: no place is declared,
        or its service is not known here.
        """
        place = contract.found
        if place is None or place.is_channel:
            return None
        if place.request:
            return partial(through_app, app.requests[place.request], partial(self.sender, app.name))
        service = self._context.services.get(place.service)
        return None if service is None else partial(in_service, place, service)

    def begin(self) -> list[asyncio.Task[None]]:
        """Begin to look for the jobs of each request whose deliveries an expectation is about.
        Returns the tasks that look.
        """
        apps, journal = self._context.topology.apps, self._context.journal
        wanted: dict[tuple[str, str], float] = {}  # the longest time for a job
        for e in self._plan.expect:
            if "deliveries" in e.watches:
                each = e.app, getattr(e, "request", "")
                within_s = getattr(e, "within_s", self._declared_s(*each))
                wanted[each] = max(within_s, wanted.get(each, 0.0))
        for (name, request), within_s in wanted.items():
            jobs = Jobs(apps[name], apps[name].requests[request], within_s, journal)
            for looks in self._looks_for(jobs):
                what = f"deliveries of {name}.{request}"
                work = guarded(what, looks.run(self._all_sent), journal)
                self._of_jobs.append(asyncio.create_task(work))
        return self._of_jobs

    async def finish(self) -> None:
        """Wait until every job is delivered or its time is over, and for the last looks. All jobs
        have been sent.
        """
        self._all_sent.set()
        await asyncio.gather(*self._of_jobs)

    def _looks_for(self, jobs: Jobs) -> Sequence[Deliveries | Channel]:
        """What looks for these jobs: a channel for each user, or one look-up. Empty if nothing can:
        the verdict says so.
        """
        if jobs.place.is_channel:
            there = partial(self._address, jobs.app.name)
            return [Channel(jobs, there, user) for user in jobs.contract.users or ("",)]
        look_up = self.of(jobs.app, jobs.contract)
        return [] if look_up is None else [Deliveries(jobs, look_up)]

    def _declared_s(self, app: str, request: str) -> float:
        found = self._context.topology.apps[app].requests[request].found
        return found.within_s if found else 0.0

    def _address(self, app: str) -> Endpoint | None:
        watch = self._boots.watches.get(app)
        return watch.watched.running.endpoint if watch else None
