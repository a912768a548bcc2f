"""The lab: brings a topology up, runs a plan on it, and writes the history. The only effects."""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import httpx

from chaoslab.clock import wall_time
from chaoslab.errors import ChaoslabError, ServiceFailed
from chaoslab.faults.base import Ground, record_connections, record_packets
from chaoslab.faults.countable import check_countable
from chaoslab.faults.mutation import Mutation, aimed
from chaoslab.faults.schedule import Nemesis
from chaoslab.history.events import AnyEvent, LabUp, RunEnded, Spawned
from chaoslab.history.journal import History, Journal
from chaoslab.history.run_folder import RunFolder, RunInfo
from chaoslab.probes.base import Watched, either, fresh_connections, guarded
from chaoslab.probes.connections import ConnectionsProbe
from chaoslab.probes.lag import watch_lag
from chaoslab.probes.proof import look_up_acknowledged, prove_recovery
from chaoslab.probes.sessions import SessionProbe
from chaoslab.probes.watch import Watch
from chaoslab.probes.workload import Writer
from chaoslab.proxies.base import ProxyControl, ProxyKind
from chaoslab.runtimes.base import Endpoint, RunningService, Runtime
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.spec.expect import Recovers, ReleasesConnections
from chaoslab.spec.placeholders import fill
from chaoslab.spec.plan import Boot, Plan, resolve
from chaoslab.spec.topology import App, Link, Topology
from chaoslab.verdicts.hopeless import still_open
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled
from chaoslab.verdicts.verdict import Verdict

STEADY_WITHIN_S = 2.0
SETTLE_POLL_S = 0.05  # each look reads the whole history


@asynccontextmanager
async def lab_up(
    topology: Topology,
    runtime: Runtime,
    *,
    proxy: ProxyKind,
    seed: int,
    folder: RunFolder,
    disabled: Mutation | None = None,
) -> AsyncIterator[Lab]:
    """Services, proxy server and links of a topology, all up and tried; taken down at the end.

    `disabled` is a fault of the plan to come, aimed at its links, that shall not act.
    Raises RuntimeUnavailable or ServiceFailed with the mend where something cannot be had.
    """
    journal = Journal(folder.history_path)
    async with AsyncExitStack() as stack:
        stack.callback(journal.close)
        services, control = await _start(topology, runtime, proxy=proxy, seed=seed, folder=folder)
        stack.push_async_callback(control.close)
        ports = await asyncio.gather(*(_join(control, link, services) for link in topology.links))
        joined = {link: port for link, port in zip(topology.links, ports, strict=True) if port}
        addresses = {link.name: runtime.proxied(port) for link, port in joined.items()}
        twins = await _twins(control, joined, services, disabled)
        ground = Ground(
            topology=topology,
            runtime=runtime,
            control=control,
            services=services,
            addresses=addresses,
            journal=journal,
            seed=seed,
            canary_addresses={name: runtime.proxied(port) for name, port in twins.items()},
            disabled=disabled,
        )
        await asyncio.gather(*(_check_steady(ground, link) for link in joined))
        versions = {name: running.version for name, running in services.items()}
        versions |= {f"proxy {control.name}": control.version}
        links = {name: str(address) for name, address in addresses.items()}
        now_s = journal.now()
        notes = runtime.standing.notes if runtime.standing else ()
        up = LabUp(at_s=now_s, took_s=now_s, versions=versions, links=links, notes=notes)
        journal.append(replace(up, disabled=str(disabled or "")))
        yield Lab(ground=ground, folder=folder)


async def _start(
    topology: Topology, runtime: Runtime, *, proxy: ProxyKind, seed: int, folder: RunFolder
) -> tuple[dict[str, RunningService], ProxyControl]:
    """Everything that takes time, at once; the first failure cancels the rest."""
    failure: ChaoslabError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            control = group.create_task(
                runtime.start_proxy(proxy, seed=seed, log=folder.log_path("proxy"))
            )
            starting = {
                name: group.create_task(runtime.start_service(service))
                for name, service in topology.services.items()
            }
    except* ChaoslabError as errors:
        failure = _told_as_one(errors)  # raised here it would be a group, on some Pythons
    if failure is not None:
        if control.done() and not control.cancelled() and control.exception() is None:
            await control.result().close()
        raise failure
    return {name: task.result() for name, task in starting.items()}, control.result()


def _told_as_one(errors: ExceptionGroup[ChaoslabError]) -> ChaoslabError:
    """The first of several failures, with the texts of all."""
    each = [error for error in errors.exceptions if isinstance(error, ChaoslabError)]
    return type(each[0])("\n".join(map(str, each)))


async def _join(control: ProxyControl, link: Link, services: dict[str, RunningService]) -> int:
    return await control.create(link.name, str(services[link.service].upstream))


async def _twins(
    control: ProxyControl,
    links: Iterable[Link],
    services: dict[str, RunningService],
    disabled: Mutation | None,
) -> dict[str, int]:
    """The ports of proxies that only canaries use, by link; none but where a mutation asks."""
    names = {e.name: disabled.twin_of(e.name) if disabled else None for e in links}
    return {
        link.name: await control.create(twin, str(services[link.service].upstream))
        for link in links
        if (twin := names[link.name]) is not None
    }


async def _check_steady(ground: Ground, link: Link) -> None:
    sighting = await ground.canary(link, within_s=STEADY_WITHIN_S)
    if sighting is not None and sighting.outcome != "answered":
        raise ServiceFailed(
            f"link {link.name}: no answer through its proxy while no fault is in force "
            f"(a canary met '{sighting.outcome}'); expected {link.service} to answer"
        )


class Lab:
    """A topology that is up. One plan is run on it."""

    def __init__(self, *, ground: Ground, folder: RunFolder) -> None:
        self._ground = ground
        self._folder = folder
        self._journal = ground.journal
        self._watches: dict[str, Watch] = {}
        self._boots: Counter[str] = Counter()

    @property
    def history(self) -> History:
        """Everything written so far."""
        return self._journal.history

    def listen(self, listeners: Iterable[Callable[[AnyEvent], None]]) -> None:
        """Call each listener with every event from now on, the bring-up's own included."""
        for listener in listeners:
            for event in self._journal.history.events:
                listener(event)
            self._journal.listeners.append(listener)

    async def run(self, plan: Plan) -> None:
        """Run a resolved plan until every expectation can be judged, or its limit has passed.

        Whatever happens, every fault is healed, every app stopped, and the history has its end.
        Raises FaultUnsupported, before anything was spawned, where a fault cannot be made here, or
        what is asked for cannot be counted.
        """
        check_countable(plan, self._ground.control)
        over, why, settled = asyncio.Event(), "interrupted", False
        nemesis = Nemesis(plan, self._ground, over)
        background = [*await self._looks_at_servers(), *await self._counts_at_servers(plan)]
        lag = guarded("lag", watch_lag(self._journal), self._journal)
        background.append(asyncio.create_task(lag))
        faults = asyncio.create_task(nemesis.run())
        client = fresh_connections()
        try:
            await nemesis.armed()
            work = [self._boot(boot, plan, client, over) for boot in plan.boots]
            work += [
                self._prove(plan, e) for e in plan.expect if isinstance(e, Recovers) and e.proved
            ]
            background += [asyncio.create_task(each) for each in work]
            why, settled = await self._until_settled(plan, [faults, *background])
            over.set()
            await faults
            await asyncio.gather(*(watch.stop_probes() for watch in self._watches.values()))
            await self._last_look()
        finally:
            over.set()
            await _all_ended([faults], cancel=False)
            await _all_ended(background, cancel=True)
            ends = (watch.end() for watch in self._watches.values())
            lost = [e for e in await asyncio.gather(*ends, return_exceptions=True) if e]
            await client.aclose()
            why, settled = (
                (f"an app could not be ended: {lost[0]}", False) if lost else (why, settled)
            )
            self._journal.append(RunEnded(at_s=self._journal.now(), settled=settled, why=why))
        if lost:
            raise lost[0]

    async def _looks_at_servers(self) -> list[asyncio.Task[None]]:
        """What stands already is looked at before any fault: connections may have met those of
        earlier runs, and a fault is shown by sessions that stood when it came.
        """
        standing = self._ground.runtime.standing
        if standing is None:
            return []
        for link in self._joined():
            await record_connections(link.name, "", self._ground)
        probes = {e.name: SessionProbe(e, standing, self._journal) for e in self._joined()}
        looks = (guarded(f"sessions of {n}", p.begin(), self._journal) for n, p in probes.items())
        await asyncio.gather(*looks)
        runs = (guarded(f"sessions of {n}", p.run(), self._journal) for n, p in probes.items())
        return [asyncio.create_task(run) for run in runs]

    async def _counts_at_servers(self, plan: Plan) -> list[asyncio.Task[None]]:
        """Of each server that an expectation about connections is about; begun before any boot."""
        apps = {e.app for e in plan.expect if isinstance(e, ReleasesConnections)}
        names = sorted({link.service for link in self._joined() if link.app in apps})
        probes = {n: ConnectionsProbe(self._ground.services[n], self._journal) for n in names}
        looks = (guarded(f"clients of {n}", p.begin(), self._journal) for n, p in probes.items())
        await asyncio.gather(*looks)
        runs = (guarded(f"clients of {n}", p.run(), self._journal) for n, p in probes.items())
        return [asyncio.create_task(run) for run in runs]

    async def _until_settled(self, plan: Plan, tasks: list[asyncio.Task[None]]) -> tuple[str, bool]:
        """Why the run may end, and whether every expectation can be judged by then."""
        begun_s, limit_s = self._journal.now(), plan.limit_s
        assert limit_s is not None, "the plan was not resolved"
        while True:
            now_s = self._journal.now()
            left = self._left_of(plan)
            waits_for = unsettled(left, self._journal.history, now_s, self._ground.topology)
            if waits_for is None:
                return "every expectation can be judged", True
            if now_s - begun_s > limit_s:
                return f"the plan's limit of {limit_s} s passed waiting for {waits_for}", False
            for task in tasks:
                if task.done():
                    task.result()  # a boot that could not be spawned, or our own bug, ends the run
            await asyncio.sleep(SETTLE_POLL_S)

    def _left_of(self, plan: Plan) -> Plan:
        """The plan as far as the run may still be judged by it: a mutated run is cut short."""
        return still_open(plan, self._journal.history) if self._ground.disabled else plan

    async def _boot(
        self, boot: Boot, plan: Plan, client: httpx.AsyncClient, over: asyncio.Event
    ) -> None:
        """Spawn an app when its time has come, and anew, as often as its supervisor may, whenever
        it has ended by itself.
        """
        if boot.at is not None and await self._journal.moment(boot.at) is None:
            return
        watch = await self._spawned(boot, plan, client)
        for _ in range(boot.restarts):
            await either(watch.ended_by_itself(), over.wait())
            if over.is_set() or not await watch.ended_by_itself():
                return
            watch = await self._spawned(boot, plan, client, restart=True)

    async def _spawned(
        self, boot: Boot, plan: Plan, client: httpx.AsyncClient, *, restart: bool = False
    ) -> Watch:
        """A boot under watch, in the place of the same app's boot before."""
        journal = self._journal
        if (before := self._watches.get(boot.app)) is not None:
            await before.end()
        app, runtime = self._ground.topology.apps[boot.app], self._ground.runtime
        port = await runtime.app_port(app)
        standing = runtime.standing is not None
        command, env = ((), {}) if standing else self._told(app, boot, port)
        running = await runtime.spawn_app(
            app=app,
            command=command,
            env=env,
            port=port,
            log=self._folder.log_path(f"app-{app.name}"),
        )
        self._boots[app.name] += 1
        number = self._boots[app.name]
        journal.append(
            Spawned(
                at_s=running.spawned_s - journal.origin_s,
                app=app.name,
                boot=number,
                pid=running.pid,
                port=port,
                argv=command,
                env=env,
                standing=standing,
                restart=restart,
            )
        )
        watched = Watched(
            app=app,
            boot=number,
            running=running,
            journal=journal,
            client=client,
            standing=standing,
        )
        writer = Writer(watched, self._ground.seed) if app.writes is not None else None
        ports = {link.name: self._ground.addresses[link.name].port for link in self._links(app)}
        self._watches[app.name] = watch = Watch(watched, plan, ports, writer)
        return watch

    def _told(self, app: App, boot: Boot, port: int) -> tuple[tuple[str, ...], dict[str, str]]:
        """Command and environment of one boot, every placeholder filled."""
        values = self._placeholders(app, port)
        env = {key: fill(value, values) for key, value in {**app.env, **boot.env}.items()}
        return tuple(fill(word, values) for word in app.command), env

    def _placeholders(self, app: App, port: int) -> dict[str, str]:
        runtime = self._ground.runtime
        values = {"port": str(port), "host": runtime.app_host, "python": runtime.python}
        for link in self._links(app):
            proxied = self._given(link)
            values[f"{link.service}.url"] = self._ground.services[link.service].url(proxied)
            values[f"{link.service}.host"] = proxied.host
            values[f"{link.service}.port"] = str(proxied.port)
        return values

    def _given(self, link: Link) -> Endpoint:
        """The address by which the app is told to reach a service: the link's proxy."""
        disabled = self._ground.disabled
        if disabled is not None and disabled.bypasses(link.name):
            return self._ground.services[link.service].endpoint
        return self._ground.addresses[link.name]

    def _links(self, app: App) -> list[Link]:
        return [link for link in self._joined() if link.app == app.name]

    def _joined(self) -> list[Link]:
        """The links with a proxy of this lab's: all, but where it may use only some."""
        return [e for e in self._ground.topology.links if e.name in self._ground.addresses]

    async def _prove(self, plan: Plan, e: Recovers) -> None:
        """Watch for the recovery's proof; what is missing of it the verdict will say."""
        app = self._ground.topology.apps[e.app]
        assert app.writes is not None
        service = self._ground.services[app.writes.service]

        def writer(name: str) -> Writer | None:
            return self._watches[name].writer if name in self._watches else None

        proof = prove_recovery(plan, e, self._journal, writer=writer, app=app, service=service)
        await guarded("proof", proof, self._journal)

    async def _last_look(self) -> None:
        """Read every link, see that it is whole, and look up in the database what was acknowledged.

        A link that does not answer although every fault is healed is the lab's trouble, or a
        server's that died by itself: nothing that the app did can be judged by it.
        """
        for link in self._joined():
            await guarded(f"link {link.name}", self._look_at(link), self._journal)
        for app in self._ground.topology.apps.values():
            if app.writes is not None:
                service = self._ground.services[app.writes.service]
                await look_up_acknowledged(app, service, self._journal)

    async def _look_at(self, link: Link) -> None:
        await record_packets(link.name, "", self._ground)
        await record_connections(link.name, "", self._ground)
        await _check_steady(self._ground, link)


async def _all_ended(tasks: list[asyncio.Task[None]], *, cancel: bool) -> None:
    for task in tasks:
        if cancel:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where and how a plan is carried out; stands in the run's own record."""

    open_runtime: Callable[[], AbstractAsyncContextManager[Runtime]] = LocalRuntime
    proxy: ProxyKind = "embedded"
    seed: int
    listeners: tuple[Callable[[AnyEvent], None], ...] = ()
    disabled: Mutation | None = None


async def carry_out(
    topology: Topology, plan: Plan, setting: Setting, folder: RunFolder
) -> tuple[Verdict, ...]:
    """Run one plan from nothing to its verdicts; everything about it is in `folder` afterwards.

    Raises SpecError (the plan), RuntimeUnavailable, ServiceFailed (the machine) or FaultUnsupported
    (proxy or platform). What the system under test does is never an error: it is in the verdicts.
    """
    plan = resolve(plan, topology)
    disabled = aimed(setting.disabled, plan, topology) if setting.disabled else None
    async with setting.open_runtime() as runtime:
        if runtime.standing is not None:
            runtime.standing.check(plan)
        info = RunInfo(
            scenario=plan.name,
            seed=setting.seed,
            runtime=runtime.name,
            proxy=setting.proxy,
            started_at=wall_time().isoformat(timespec="seconds"),
            chaoslab=version("chaoslab"),
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.release()} {platform.machine()}",
            disabled=str(disabled or ""),
        )
        folder.save_before(topology, plan, info)
        up = lab_up(
            topology,
            runtime,
            proxy=setting.proxy,
            seed=setting.seed,
            folder=folder,
            disabled=disabled,
        )
        async with up as lab:
            lab.listen(setting.listeners)
            await lab.run(plan)
            return judge(topology, plan, lab.history)
