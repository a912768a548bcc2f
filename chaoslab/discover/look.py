"""Starts the proposed topology, and observes the app: paths, losses of services, three boots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from chaoslab.clock import now_s
from chaoslab.discover.asking import answers
from chaoslab.discover.booting import AppFailed, Booted, Booting, fix_for, unlike
from chaoslab.discover.contact import never_connected
from chaoslab.discover.findings import Findings, PathAnswer, PathFound, differs
from chaoslab.discover.paths import NOWHERE, USUAL, Named, not_declared, not_health, with_roles
from chaoslab.discover.tables import tables_of
from chaoslab.faults import Severed
from chaoslab.history.events import FaultInForce
from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.lab.boots import Boots
from chaoslab.lab.bring_up import brought_up
from chaoslab.lab.prepared import prepare_apps
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.trouble import ended_by
from chaoslab.model.masking import mask_of
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.topology import App, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.choice import choose
from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.table import LOCAL
from chaoslab.seeds import fresh_seed

BOOTS = 3
HOLD_S = 4.0  # how long each service is refused
BACK_WITHIN_S = 15.0
_ASK_EVERY_S = 0.25
_MOST_PORTS = 4  # further ports that are asked
_PROXY: ProxyKind = "embedded"
Say = Callable[[str], None]


async def look(
    topology: Topology, named: Named, folder: RunFolder, say: Say, *, within_s: float
) -> Findings:
    """Start the topology with fresh services, observe its first app, and stop everything.

    Each boot has `within_s` seconds to answer. The history and the app's log are written into
    `folder`, which must exist. `say` gets a line for each step. Raises AppFailed if the app does
    not come to answer, and the errors of a lab that cannot start.
    """
    app = next(iter(topology.apps.values()))
    plan = resolve(Plan(name="init", boots=(Boot(app=app.name),)), topology)
    choice = choose(LOCAL, topology, _PROXY)
    session = runtime_kind(choice.runtime).open_session(topology, _PROXY)
    mask = mask_of(topology, plan, environment())
    try:
        async with session.lab() as runtime:
            up = brought_up(
                topology, runtime, proxy=_PROXY, seed=fresh_seed(), folder=folder, mask=mask
            )
            async with up as context:
                boots = Boots(plan, context, folder)
                try:
                    await prepare_apps(context, folder)
                    shown = context.journal.mask  # it knows the services' passwords as well
                    fix = fix_for(topology.services[name].kind for name in app.links)
                    booting = Booting(boots, app.name, within_s=within_s, fix=fix)
                    looking = _Look(
                        context, booting, app, named, lambda text: say(shown.text(text))
                    )
                    return shown.of(await looking.findings())
                finally:
                    await boots.end()
    finally:
        session.close()


class _Look:
    """One look at one app, in a lab that is up."""

    def __init__(
        self, context: Context, booting: Booting, app: App, named: Named, say: Say
    ) -> None:
        self._context, self._app, self._named, self._say = context, app, named, say
        self._booting = booting
        self._notes: list[str] = []
        self._back_s: dict[str, float] = {}
        self._not_back: list[str] = []
        self._all_good = True
        self._request, self._not_health, self._failed_request = named.request, "", ""

    async def findings(self) -> Findings:
        """All that is observed, in the order of the steps."""
        before = await self._tables()
        booted = await self._booting.boot((*self._named.every, *USUAL))
        self._say(f"answers on port {booted.there.port} after {booted.took_s:.1f} s")
        made = _new(await self._tables(), before)
        paths = await self._paths(booted)
        boots_s, self._all_good = [booted.took_s], booted.good
        try:
            for service in self._app.links:
                paths, booted = await self._without(service, paths, booted)
            if paths:
                boots_s += await self._more_boots(paths)
        except AppFailed as error:
            why = error.problems[0].what
            self._note(f"a later boot failed, and nothing more was observed: {why}")
        port = booted.there.port
        found = Findings(
            port=0 if port == booted.running.listens_on and not self._app.port else port,
            paths=with_roles(paths, self._named),
            boots_s=tuple(boots_s),
            all_good=self._all_good,
            back_s=self._back_s,
            not_back=tuple(self._not_back),
            schema=made,
            request=self._request,
            not_health=self._not_health,
            failed_request=self._failed_request,
            never_connected=await never_connected(self._app, self._context),
            notes=tuple(self._notes),
        )
        if found.instead:
            self._say(found.instead)
        return found

    async def _tables(self) -> Mapping[str, tuple[str, ...]]:
        """Maps each database that can be asked to its tables."""
        running = {name: self._context.services[name] for name in self._app.links}
        return {
            name: found
            for name, service in running.items()
            if (found := await tables_of(service)) is not None
        }

    async def _paths(self, booted: Booted) -> tuple[PathFound, ...]:
        """The paths that answer with 2xx. If none does beside the request, also those of a further
        port of the app that has a name; else `/`, unless the request may become health.
        """
        steady, good = await self._good(booted.there)
        others = [path for path in good if path != self._request]
        elsewhere = () if others else await self._on_further_ports(booted, good)
        steady |= {each.path: each.steady for each in elsewhere}
        self._not_health = not_health(self._named, steady)
        for remark in not_declared(self._named, steady):
            self._note(remark)
        if self._request and not (failed := steady[self._request]).good:
            how = f"answered {failed.status}" if failed.status else f"gave {failed.error}"
            self._request, self._failed_request = "", f"{self._request} {how}"
        if not (elsewhere or others or (good and not self._not_health)):
            self._notes.append("none of the usual paths of health answers with 2xx")
            steady |= await answers(booted.there, ("/",))
            good += ["/"] if "/" not in good and 0 < steady["/"].status < 500 else []
        found = (*await self._twice(booted.there, good, steady), *elsewhere)
        for each in found:
            self._say(f"{each.path}: {each.steady.text}")
        return found

    async def _good(self, there: Endpoint) -> tuple[dict[str, PathAnswer], list[str]]:
        """The answers at one port, and the paths that answer with 2xx there, each otherwise than a
        path that nobody has, unless the user named it for health.
        """
        candidates = tuple(dict.fromkeys((*self._named.every, *USUAL)))
        steady = dict(await answers(there, (*candidates, NOWHERE)))
        named = {self._named.health, self._named.ready, self._named.live}
        good = [
            path
            for path in candidates
            if steady[path].good and (path in named or unlike(steady[NOWHERE], steady[path]))
        ]
        return steady, good

    async def _twice(
        self, there: Endpoint, good: Sequence[str], steady: Mapping[str, PathAnswer], port: str = ""
    ) -> list[PathFound]:
        """The paths, which are asked once more: some change with each answer."""
        again = await answers(there, good)
        return [
            PathFound(
                path=path,
                steady=steady[path],
                volatile=differs(steady[path], again[path]),
                port=port,
            )
            for path in good
        ]

    async def _on_further_ports(
        self, booted: Booted, known: Collection[str]
    ) -> tuple[PathFound, ...]:
        """The paths that answer well at a further port of the app that has a name, without those
        that are `known` at its own. Of a port without a name it is only noted: no key can say which
        one it is.
        """
        running = booted.running
        names = {running.endpoint_of(name).port: name for name in self._app.port_names}
        ports = {each.local_port for each in running.sockets() if each.state == "LISTEN"}
        for port in sorted(ports - {booted.there.port})[:_MOST_PORTS]:
            there = replace(booted.there, port=port)
            steady, good = await self._good(there)
            good = [path for path in good if path not in known]
            if good and port in names:
                return (*await self._twice(there, good, steady, names[port]),)
            if good:
                self._note(
                    f"also listens on {port}, where {good[0]} answers {steady[good[0]].status}: "
                    "health on another port is `health.port` (docs/topology.md). Give the app that "
                    "port as a placeholder such as {port:admin}"
                )
        return ()

    async def _boot(self, paths: Sequence[PathFound]) -> Booted:
        """The next boot, which is ready as soon as one of the paths answers well."""
        port = next((each.port for each in paths if each.port), "")
        return await self._booting.boot([e.path for e in paths if e.port == port], port)

    async def _ask(self, booted: Booted, paths: Sequence[PathFound]) -> Mapping[str, PathAnswer]:
        """Maps each path to its answer now, at its port."""
        seen: dict[str, PathAnswer] = {}
        for port in dict.fromkeys(each.port for each in paths):
            there = booted.running.endpoint_of(port) if port else booted.there
            seen |= await answers(there, [each.path for each in paths if each.port == port])
        return seen

    async def _without(
        self, service: str, paths: tuple[PathFound, ...], booted: Booted
    ) -> tuple[tuple[PathFound, ...], Booted]:
        """Refuse one service for a few seconds. Returns the paths with their answers meanwhile, and
        the boot that runs afterwards.
        """
        link = f"{self._app.name}.{service}"
        fault = Severed(name=f"{service} refused", target=link, mode="refused")
        async with injected(prepare(fault, self._context), self._context):
            seen = await self._asked_for(HOLD_S, paths, booted)
        events = self._context.journal.history.events
        if not any(isinstance(e, FaultInForce) and e.fault == fault.label for e in events):
            self._notes.append(f"{service} was not observed to be refused: nothing is known of it")
            return paths, booted
        if (code := booted.running.exit_code) is not None:
            # No path answers for a process that ended: that says nothing about the path.
            self._note(f"the app ended by {ended_by(code)} while {service} was refused")
            return paths, await self._boot(paths)
        paths = tuple(
            replace(each, severed={**each.severed, service: seen[each.path]}) for each in paths
        )
        for each in paths:
            if service in each.noticed:
                self._say(f"{each.path}: {each.severed[service].text} while {service} is refused")
        await self._back(service, paths, booted)
        if booted.running.exit_code is not None:
            booted = await self._boot(paths)
        return paths, booted

    async def _asked_for(
        self, hold_s: float, paths: Sequence[PathFound], booted: Booted
    ) -> Mapping[str, PathAnswer]:
        """Ask the paths for so long; returns their last answers. Ends early if the app ends."""
        end_s = now_s() + hold_s
        while True:
            seen = await self._ask(booted, paths)
            if now_s() >= end_s or booted.running.exit_code is not None:
                return seen
            await asyncio.sleep(_ASK_EVERY_S)

    async def _back(self, service: str, paths: Sequence[PathFound], booted: Booted) -> None:
        """Wait until every path answers as before the fault; record how long that took."""
        healed_s = now_s()
        while now_s() < healed_s + BACK_WITHIN_S and booted.running.exit_code is None:
            seen = await self._ask(booted, paths)
            if not any(each.changed(seen[each.path]) for each in paths):
                if any(service in each.noticed for each in paths):
                    self._back_s[service] = now_s() - healed_s
                return
            await asyncio.sleep(_ASK_EVERY_S)
        self._not_back.append(service)
        if (code := booted.running.exit_code) is not None:
            self._note(f"the app ended by {ended_by(code)} after {service} was healed")
            return
        self._note(f"not as before within {BACK_WITHIN_S:g} s after {service} was healed")

    async def _more_boots(self, paths: Sequence[PathFound]) -> list[float]:
        """The times of further boots."""
        found: list[float] = []
        while len(found) < BOOTS - 1:
            booted = await self._boot(paths)
            found.append(booted.took_s)
            self._all_good = self._all_good and booted.good
            answer = "the first good answer" if booted.good else "its first answer"
            self._say(f"boot {len(found) + 1}: {found[-1]:.1f} s to {answer}")
        return found

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._say(text)


def _new(
    after: Mapping[str, Sequence[str]], before: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Maps each database that has new tables to these."""
    found = {
        name: tuple(each for each in tables if each not in before.get(name, ()))
        for name, tables in after.items()
    }
    return {name: tables for name, tables in found.items() if tables}
