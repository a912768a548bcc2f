"""Runs one plan on a started topology, until every expectation can be judged."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from chaoslab.errors import ChaoslabError, InjectionFailed, RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import RunEnded
from chaoslab.history.run_folder import RunFolder
from chaoslab.history.triggers import RUN_ENDED, never_came, note_missed
from chaoslab.injection.connect_counter import require_connect_counter
from chaoslab.injection.context import Context
from chaoslab.injection.records import record_connections, record_packets
from chaoslab.injection.schedule import Nemesis
from chaoslab.lab.abilities import commanded_links, costed_links, counted_links
from chaoslab.lab.boots import Boots
from chaoslab.lab.bring_up import check_steady
from chaoslab.lab.look_ups import LookUps
from chaoslab.lab.scenario_code import ScenarioCode
from chaoslab.model.expectation import Expected, ProofWanted
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Link
from chaoslab.probes.base import guarded
from chaoslab.probes.connections import ConnectionsProbe
from chaoslab.probes.cost import CommandsProbe, TrafficProbe
from chaoslab.probes.lag import watch_lag
from chaoslab.probes.outside import record_attempts
from chaoslab.probes.parts import PartsProbe
from chaoslab.probes.proof import look_up_writes, prove_recovery
from chaoslab.probes.sessions import SessionProbe
from chaoslab.reason import Reason
from chaoslab.verdicts.settled import in_vain, unsettled
from chaoslab.verdicts.still_open import still_open

SETTLE_POLL_S = 0.05  # each check reads the whole history
CAUSE_WITHIN_S = 1.0  # enough for two checks of a container and of the engine
CANCEL_AGAIN_S = 1.0  # a cancelled task ends sooner, unless the cancellation was lost


async def run_plan(plan: Plan, context: Context, folder: RunFolder) -> None:
    """Run a resolved plan until every expectation can be judged, or the plan's limit has passed.

    At the end, also after an error, every fault is healed, every app is stopped, and the history
    has RunEnded. Raises FaultUnsupported before an app is spawned if a fault, or a count that an
    expectation needs, is not supported here.
    """
    require_connect_counter(plan, context.control)
    await _Run(plan, context, Boots(plan, context, folder), folder).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Why a run ends, as RunEnded has it."""

    why: str
    settled: bool = False
    cause: Reason | None = None


class _Run:
    """One run of a plan."""

    def __init__(self, plan: Plan, context: Context, boots: Boots, folder: RunFolder) -> None:
        self._plan, self._context, self._boots = plan, context, boots
        self._journal = context.journal
        self._over = asyncio.Event()
        self._scenario_code = ScenarioCode(plan, context, boots, folder)
        self._parts = PartsProbe(context.runtime.parts, self._journal)
        self._look_ups = LookUps(plan, context, boots)

    async def run(self) -> None:
        """Run the plan; at the end, heal the faults, stop the probes and the apps, and record
        RunEnded.
        """
        end = _End(why="interrupted")
        nemesis = Nemesis(self._plan, self._context, self._over)
        background = await self._watch_servers()
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
            work += [self._boots.stop(number) for number in range(len(self._plan.boots))]
            work += [self._prove(e, wanted) for e in self._plan.expect if (wanted := e.proof)]
            work += self._scenario_code.steps()
            background += [asyncio.create_task(each) for each in work]
            own_probes = self._scenario_code.probes(self._over)
            background += [*own_probes, *self._look_ups.begin()]
            end = await self._until_settled([faults, *background])
            self._over.set()
            await faults
            await asyncio.gather(*own_probes)
            await self._boots.stop_probes()
            await self._look_ups.finish()
            await self._check_parts()
            await self._check_links_and_writes()
        except (ServiceFailed, RuntimeUnavailable, InjectionFailed) as error:
            cause = await _cause_of(error, parts)
            end = _End(why=f"interrupted: {str(cause).splitlines()[0]}")
            raise cause from (None if cause is error else error)
        finally:
            self._over.set()
            await _all_ended([faults], cancel=False)
            await _all_ended(background, cancel=True)
            if (outside := self._context.runtime.outside_watch) is not None:
                tried = record_attempts(outside, self._journal)
                await guarded("attempts outside", tried, self._journal)
            await self._scenario_code.close()
            if lost := await self._boots.end():
                end = _End(why=f"an app could not be stopped: {lost}")
            for place, moment in never_came(self._plan, self._journal.history):
                note_missed(place, moment, RUN_ENDED(), self._journal)
            self._journal.append(
                RunEnded(
                    at_s=self._journal.now(), settled=end.settled, why=end.why, cause=end.cause
                )
            )
        if lost:
            raise lost

    async def _watch_servers(self) -> list[asyncio.Task[None]]:
        """Start the probes of servers that an expectation or attach mode needs, and return their
        tasks.

        In attach mode the connections and sessions from before the run are recorded first: later
        ones are compared with them.
        """
        probes: dict[str, _ServerProbe] = {}
        joined = self._context.joined
        if (attached := self._context.runtime.external) is not None:
            for link in joined:
                await record_connections(link.name, "", self._context)
                probe = SessionProbe(link, attached, self._journal)
                probes[f"sessions of {link.name}"] = probe
        plan, topology = self._plan, self._context.topology
        for name in self._servers(counted_links(plan, topology)):
            server = self._context.services[name]
            probes[f"clients of {name}"] = ConnectionsProbe(server, self._journal)
        for name in self._servers(commanded_links(plan, topology)):
            server = self._context.services[name]
            probes[f"commands of {name}"] = CommandsProbe(server, self._journal)
        for name in sorted({link.name for link in costed_links(plan, topology)}):
            control = self._context.control
            probes[f"traffic of {name}"] = TrafficProbe(name, control, self._journal)
        begun = (guarded(name, probe.begin(), self._journal) for name, probe in probes.items())
        await asyncio.gather(*begun)
        runs = (guarded(name, probe.run(), self._journal) for name, probe in probes.items())
        return [asyncio.create_task(run) for run in runs]

    def _servers(self, links: Iterable[Link]) -> list[str]:
        """The names of the services to which those of `links` lead that the lab may use, sorted."""
        wanted = {link.name for link in links}
        return sorted({link.service for link in self._context.joined if link.name in wanted})

    async def _watch_parts(self) -> None:
        """Wait until a part of the lab has ended, and raise the error of that part, which ends the
        run.
        """
        await guarded("parts", self._parts.run(), self._journal)
        self._raise_failure_of_parts()

    async def _check_parts(self) -> None:
        """Check every part at the end: one may have ended after its last regular check. Raises the
        error of a part that has ended.
        """
        await guarded("parts", self._parts.check_once(), self._journal)
        self._raise_failure_of_parts()

    def _raise_failure_of_parts(self) -> None:
        if self._parts.failure is not None:
            raise self._parts.failure

    async def _until_settled(self, tasks: list[asyncio.Task[None]]) -> _End:
        """Wait for the end of the run: every expectation can be judged, or the run can show nothing
        more. Returns why the run ends.
        """
        plan, topology = self._plan, self._context.topology
        begun_s, limit_s = self._journal.now(), plan.limit_s
        assert limit_s is not None, "the plan was not resolved"
        while True:
            now_s = self._journal.now()
            waits_for = self._waits_for() or await self._waits_for_once_answered()
            if waits_for is None:
                return _End(why="every expectation can be judged", settled=True)
            if self._journal.trouble:
                return _End(why=f"the history cannot be written: {self._journal.trouble}")
            if now_s - begun_s > limit_s:
                return _End(why=f"the plan's limit of {limit_s} s passed waiting for {waits_for}")
            if (cause := in_vain(plan, self._journal.history, topology)) is not None:
                return _End(why=str(cause), cause=cause)
            for task in tasks:
                if task.done():
                    task.result()  # an error of a task, such as a failed spawn, ends the run
            await asyncio.sleep(SETTLE_POLL_S)

    def _waits_for(self) -> str | None:
        now_s, history = self._journal.now(), self._journal.history
        return unsettled(self._open_plan(), history, now_s, self._context.topology)

    async def _waits_for_once_answered(self) -> str | None:
        """Pause the probes' requests, wait until none is open, and return what the run still waits
        for; None if nothing.

        The answer of an open request may differ from the last one and change a verdict.
        """
        await self._boots.pause_questions()
        waits_for = self._waits_for()
        if waits_for is not None:
            self._boots.go_on()
        return waits_for

    def _open_plan(self) -> Plan:
        """The plan; in a self-test, without the parts that a missed fault has made UNKNOWN: the run
        does not wait for them.
        """
        if self._context.disabled is None:
            return self._plan
        return still_open(self._plan, self._journal.history)

    async def _prove(self, e: Expected, wanted: ProofWanted) -> None:
        """Prove the app's recovery for the expectation `e`: send a write through the app, and look
        it up in the service. If there is no such proof, the verdict says what is missing.
        """
        app = self._context.topology.apps[e.app]
        assert app.write is not None
        journal, look_up = self._journal, self._look_ups.of(app, app.write)
        if look_up is None:
            return  # the verdict says that the write was not looked up
        proof = prove_recovery(
            self._plan,
            e,
            wanted,
            journal,
            sender=self._look_ups.sender,
            app=app,
            look_up=look_up,
        )
        await guarded("proof", proof, journal)

    async def _check_links_and_writes(self) -> None:
        """After the run: record every link's counters, check that each link answers, and look up
        the writes in the service.

        If a link does not answer although every fault is healed, the lab or a server has failed:
        the verdicts become UNKNOWN.
        """
        for link in self._context.joined:
            await guarded(f"link {link.name}", self._check_link(link), self._journal)
        for app in self._context.topology.apps.values():
            for contract in app.requests.values():
                if contract.looked_up and (look_up := self._look_ups.of(app, contract)):
                    await look_up_writes(app.name, contract, look_up, self._journal)

    async def _check_link(self, link: Link) -> None:
        await record_packets(link.name, "", self._context)
        await record_connections(link.name, "", self._context)
        await check_steady(self._context, link)


async def _cause_of(error: ChaoslabError, parts: asyncio.Task[None]) -> ChaoslabError:
    """The failure of a part of the lab, if one is found within `CAUSE_WITHIN_S`, else `error`
    itself.

    If a part has ended, the code that uses it may fail before the watch of the parts reports the
    part's end.
    """
    await asyncio.wait([parts], timeout=CAUSE_WITHIN_S)
    found = parts.exception() if parts.done() and not parts.cancelled() else None
    return found if isinstance(found, ChaoslabError) else error


async def _all_ended(tasks: Collection[asyncio.Task[None]], *, cancel: bool) -> None:
    """Wait until all tasks have ended. With `cancel`, cancel the tasks again and again until then.

    `asyncio.wait_for`, which drivers use, may lose a cancellation that comes as its own wait ends
    (CPython issue 86296, fixed in 3.12).
    """
    left = set(tasks)
    while left:
        for task in left if cancel else ():
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S if cancel else None)
    await asyncio.gather(*tasks, return_exceptions=True)


class _ServerProbe(Protocol):
    """A probe of a server or a link: `begin` observes it before any boot, `run` from then on."""

    async def begin(self) -> None: ...

    async def run(self) -> None: ...
