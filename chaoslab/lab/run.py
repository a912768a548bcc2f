"""Runs one plan on a ground: faults, boots and probes side by side, until enough is known."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

from chaoslab.errors import ChaoslabError, InjectionFailed, RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import RunEnded
from chaoslab.history.run_folder import RunFolder
from chaoslab.history.triggers import TOO_EARLY, never_came, note_missed
from chaoslab.injection.countable import check_countable
from chaoslab.injection.ground import Ground
from chaoslab.injection.records import record_connections, record_packets
from chaoslab.injection.schedule import Nemesis
from chaoslab.lab.abilities import counted_links
from chaoslab.lab.boots import Boots
from chaoslab.lab.bring_up import check_steady
from chaoslab.lab.own import Own
from chaoslab.model.expectation import Expected, ProofWanted
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Link
from chaoslab.probes.base import guarded
from chaoslab.probes.connections import ConnectionsProbe
from chaoslab.probes.lag import watch_lag
from chaoslab.probes.parts import PartsProbe
from chaoslab.probes.proof import look_up_writes, prove_recovery
from chaoslab.probes.sessions import SessionProbe
from chaoslab.probes.workload import Writer
from chaoslab.verdicts.hopeless import still_open
from chaoslab.verdicts.settled import unsettled

SETTLE_POLL_S = 0.05  # each look reads the whole history
CAUSE_WITHIN_S = 1.0  # two looks at a container, and the engine's answers
CANCEL_AGAIN_S = 1.0  # a task that is cancelled ends sooner, unless the cancellation was lost


async def run_plan(plan: Plan, ground: Ground, folder: RunFolder) -> None:
    """Run a resolved plan until every expectation can be judged, or its limit has passed.

    Whatever happens, every fault is healed, every app stopped, and the history has its end.
    Raises FaultUnsupported, before anything was spawned, where a fault cannot be made here, or
    what is asked for cannot be counted.
    """
    check_countable(plan, ground.control)
    await _Run(plan, ground, Boots(plan, ground, folder)).to_its_end()


class _Run:
    """One plan on its way."""

    def __init__(self, plan: Plan, ground: Ground, boots: Boots) -> None:
        self._plan, self._ground, self._boots = plan, ground, boots
        self._journal = ground.journal
        self._over = asyncio.Event()
        self._own = Own(plan, ground.topology, boots, ground.journal)
        self._parts = PartsProbe(ground.runtime.parts, self._journal)

    async def to_its_end(self) -> None:
        """Carry it out, and leave nothing of it running."""
        why, settled = "interrupted", False
        nemesis = Nemesis(self._plan, self._ground, self._over)
        background = await self._looks_at_servers()
        lag = guarded("lag", watch_lag(self._journal), self._journal)
        background.append(asyncio.create_task(lag))
        parts = asyncio.create_task(self._watch_parts())
        background.append(parts)
        if (past := self._boots.past) is not None:
            looks = guarded("connections past the proxy", past.run(), self._journal)
            background.append(asyncio.create_task(looks))
        faults = asyncio.create_task(nemesis.run())
        try:
            await nemesis.armed()
            work = [self._boots.run(number, self._over) for number in range(len(self._plan.boots))]
            work += [self._prove(e, wanted) for e in self._plan.expect if (wanted := e.proof)]
            work += self._own.steps()
            background += [asyncio.create_task(each) for each in work]
            own_probes = self._own.probes(self._over)
            background += own_probes
            why, settled = await self._until_settled([faults, *background])
            self._over.set()
            await faults
            await asyncio.gather(*own_probes)
            await self._boots.stop_probes()
            await self._last_look_at_parts()
            await self._last_look()
        except (ServiceFailed, RuntimeUnavailable, InjectionFailed) as error:
            cause = await _cause_of(error, parts)
            why = f"interrupted: {str(cause).splitlines()[0]}"
            raise cause from (None if cause is error else error)
        finally:
            self._over.set()
            await _all_ended([faults], cancel=False)
            await _all_ended(background, cancel=True)
            if lost := await self._boots.end():
                why, settled = f"an app could not be ended: {lost}", False
            for place, moment in never_came(self._plan, self._journal.history):
                note_missed(place, moment, TOO_EARLY, self._journal)
            self._journal.append(RunEnded(at_s=self._journal.now(), settled=settled, why=why))
        if lost:
            raise lost

    async def _looks_at_servers(self) -> list[asyncio.Task[None]]:
        """What stands already is looked at before any fault: connections may have met those of
        earlier runs, and a fault is shown by sessions that stood when it came.

        Clients are counted at each server that an expectation about connections is about.
        """
        probes: dict[str, _Look] = {}
        joined = self._ground.joined
        if (standing := self._ground.runtime.standing) is not None:
            for link in joined:
                await record_connections(link.name, "", self._ground)
                probe = SessionProbe(link, standing, self._journal)
                probes[f"sessions of {link.name}"] = probe
        counted = {link.name for link in counted_links(self._plan, self._ground.topology)}
        for name in sorted({link.service for link in joined if link.name in counted}):
            server = self._ground.services[name]
            probes[f"clients of {name}"] = ConnectionsProbe(server, self._journal)
        begun = (guarded(name, probe.begin(), self._journal) for name, probe in probes.items())
        await asyncio.gather(*begun)
        runs = (guarded(name, probe.run(), self._journal) for name, probe in probes.items())
        return [asyncio.create_task(run) for run in runs]

    async def _watch_parts(self) -> None:
        """Raise what the lab failed by once a part of it has ended, which ends the run."""
        await guarded("parts", self._parts.run(), self._journal)
        if self._parts.failure is not None:
            raise self._parts.failure

    async def _last_look_at_parts(self) -> None:
        """The watch may not know yet of a part that ended just now: the run would seem sound."""
        await guarded("parts", self._parts.last_look(), self._journal)
        if self._parts.failure is not None:
            raise self._parts.failure

    async def _until_settled(self, tasks: list[asyncio.Task[None]]) -> tuple[str, bool]:
        """Why the run may end, and whether every expectation can be judged by then."""
        begun_s, limit_s = self._journal.now(), self._plan.limit_s
        assert limit_s is not None, "the plan was not resolved"
        while True:
            now_s = self._journal.now()
            waits_for = self._waits_for() or await self._waits_for_once_answered()
            if waits_for is None:
                return "every expectation can be judged", True
            if self._journal.trouble:
                return f"the history cannot be written: {self._journal.trouble}", False
            if now_s - begun_s > limit_s:
                return f"the plan's limit of {limit_s} s passed waiting for {waits_for}", False
            for task in tasks:
                if task.done():
                    task.result()  # a boot that could not be spawned, or our own bug, ends the run
            await asyncio.sleep(SETTLE_POLL_S)

    def _waits_for(self) -> str | None:
        now_s, history = self._journal.now(), self._journal.history
        return unsettled(self._left(), history, now_s, self._ground.topology)

    async def _waits_for_once_answered(self) -> str | None:
        """What is waited for once no question is under way: its answer may be another than the
        last, and the verdicts will read it.
        """
        await self._boots.pause_questions()
        waits_for = self._waits_for()
        if waits_for is not None:
            self._boots.go_on()
        return waits_for

    def _left(self) -> Plan:
        """The plan as far as the run may still be judged by it: a mutated run is cut short."""
        if self._ground.disabled is None:
            return self._plan
        return still_open(self._plan, self._journal.history)

    async def _prove(self, e: Expected, wanted: ProofWanted) -> None:
        """Watch for the recovery's proof; what is missing of it the verdict will say."""
        app = self._ground.topology.apps[e.app]
        assert app.writes is not None
        service = self._ground.services[app.writes.service]

        def writer(name: str) -> Writer | None:
            watch = self._boots.watches.get(name)
            return watch.writer if watch else None

        journal = self._journal
        proof = prove_recovery(
            self._plan, e, wanted, journal, writer=writer, app=app, service=service
        )
        await guarded("proof", proof, journal)

    async def _last_look(self) -> None:
        """Read every link, see that it is whole, and look up in the database what was written.

        A link that does not answer although every fault is healed is the lab's trouble, or a
        server's that died by itself: nothing that the app did can be judged by it.
        """
        for link in self._ground.joined:
            await guarded(f"link {link.name}", self._look_at(link), self._journal)
        for app in self._ground.topology.apps.values():
            if app.writes is not None:
                service = self._ground.services[app.writes.service]
                await look_up_writes(app, service, self._journal)

    async def _look_at(self, link: Link) -> None:
        await record_packets(link.name, "", self._ground)
        await record_connections(link.name, "", self._ground)
        await check_steady(self._ground, link)


async def _cause_of(error: ChaoslabError, parts: asyncio.Task[None]) -> ChaoslabError:
    """The end of a part of the lab, where the watch on them finds one; else the error itself.

    Whoever needs a part that has ended may notice first, and knows only that it does not answer.
    """
    await asyncio.wait([parts], timeout=CAUSE_WITHIN_S)
    found = parts.exception() if parts.done() and not parts.cancelled() else None
    return found if isinstance(found, ChaoslabError) else error


async def _all_ended(tasks: Collection[asyncio.Task[None]], *, cancel: bool) -> None:
    """Wait until they have ended; cancelled ones are cancelled again and again until they have.

    `asyncio.wait_for`, which drivers use, may lose a cancellation that comes as its own wait ends
    (CPython issue 86296, fixed in 3.12).
    """
    left = set(tasks)
    while left:
        for task in left if cancel else ():
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S if cancel else None)
    await asyncio.gather(*tasks, return_exceptions=True)


class _Look(Protocol):
    """A probe of a server: a first look before any boot, and then one after the other."""

    async def begin(self) -> None: ...

    async def run(self) -> None: ...
