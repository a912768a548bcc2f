"""Spawns and watches the apps of a plan, each boot at its trigger, and restarts them."""

from __future__ import annotations

import asyncio
from collections import Counter

from chaoslab.history.events import Spawned
from chaoslab.history.run_folder import RunFolder
from chaoslab.history.triggers import BOOT_OVER, note_missed, trigger_came
from chaoslab.injection.context import Context
from chaoslab.lab.filled import Filled, filled, links_of
from chaoslab.lab.processes import Processes, Started
from chaoslab.lab.supervise import restart_due
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.topology import Link
from chaoslab.probes.base import Watched
from chaoslab.probes.past_proxy import PastProxyProbe
from chaoslab.probes.questions import Questions
from chaoslab.probes.watch import Watch
from chaoslab.probes.workload import Sender
from chaoslab.runtimes.base import AppStart


class Boots:
    """The boots of one run. `watches` maps each app's name to the watch of its newest boot."""

    def __init__(self, plan: Plan, context: Context, folder: RunFolder) -> None:
        self.watches: dict[str, Watch] = {}
        self._plan, self._context, self._folder = plan, context, folder
        lookout = context.runtime.lookout
        servers = {link: context.services[link.service].endpoint for link in context.joined}
        self.past = PastProxyProbe(servers, lookout, context.journal) if lookout else None
        self._counts: Counter[str] = Counter()
        self._of_boot: dict[int, Watch] = {}
        self._processes: dict[int, Processes] = {}
        self._filled: dict[str, Filled] = {}
        self._spawned_first = [asyncio.Event() for _ in plan.boots]
        self._stopped = [asyncio.Event() for _ in plan.boots]

    async def run(self, number: int, over: asyncio.Event) -> None:
        """Spawn the app of boot `number` of the plan at the boot's trigger, with its further
        processes, and each again as its supervisor restarts it, until `over` is set.
        """
        plan, journal, place = self._plan, self._context.journal, f"boots[{number}].at"
        boot = plan.boots[number]
        if boot.at is not None and not await trigger_came(
            place, boot.at, plan, journal, of_boot=number
        ):
            return
        await self._end_processes(boot.app)
        processes = self._processes[number] = self._processes_of(boot, over)
        self._of_boot[number] = await self._spawned(boot, processes)
        processes.begin()
        self._spawned_first[number].set()
        await asyncio.gather(self._restarts(number, over), processes.ended())

    async def _restarts(self, number: int, over: asyncio.Event) -> None:
        """Spawn the app again as its supervisor restarts it."""
        boot, processes = self._plan.boots[number], self._processes[number]
        if boot.supervisor is None:
            return
        while await restart_due(
            boot.supervisor, self._of_boot[number], over, self._stopped[number]
        ):
            self._of_boot[number] = await self._spawned(boot, processes, restart=True)

    async def stop(self, number: int) -> None:
        """Stop the app of boot `number` of the plan, with its further processes, at the boot's
        `stop`. A supervisor restarts it no more. If the main process has ended by then, it is
        recorded that the trigger was missed.
        """
        plan, journal, place = self._plan, self._context.journal, f"boots[{number}].stop"
        boot = plan.boots[number]
        if boot.stop is None:
            return
        await self._spawned_first[number].wait()
        if not await trigger_came(place, boot.stop, plan, journal):
            return
        self._stopped[number].set()
        stopped, _ = await asyncio.gather(
            self._of_boot[number].stop(place, boot.grace_s),
            self._processes[number].stop(boot.grace_s),
        )
        if not stopped:
            note_missed(place, boot.stop, BOOT_OVER(app=boot.app), journal)

    async def pause_questions(self) -> None:
        """Stop the probes' requests to every app, and wait until the open ones have ended. Writes
        and custom probes continue.
        """
        await asyncio.gather(*(w.watched.questions.pause() for w in self.watches.values()))

    def go_on(self) -> None:
        """Let the probes send requests to the apps again."""
        for watch in self.watches.values():
            watch.watched.questions.go_on()

    async def stop_probes(self) -> None:
        """Stop every probe of the apps. The apps keep running."""
        await asyncio.gather(*(watch.stop_probes() for watch in self.watches.values()))

    async def end(self) -> BaseException | None:
        """Stop every app. Returns the first error if an app could not be stopped, else None."""
        ends = [watch.end() for watch in self.watches.values()]
        ends += [self._end_processes(app) for app in self.watches]
        return next(filter(None, await asyncio.gather(*ends, return_exceptions=True)), None)

    async def _end_processes(self, app: str) -> None:
        """Stop the further processes of every boot of the app so far."""
        mine = (each for n, each in self._processes.items() if self._plan.boots[n].app == app)
        await asyncio.gather(*(each.stop() for each in mine))

    def _processes_of(self, boot: Boot, over: asyncio.Event) -> Processes:
        """The further processes of one boot of the plan. None of an app that runs already."""
        app, runtime = self._context.topology.apps[boot.app], self._context.runtime
        names = () if runtime.external is not None else tuple(app.processes)
        journal = self._context.journal

        async def start(name: str) -> Started:
            what = await self._fill(boot, app.processes[name], like=self._filled[app.name])
            running = await runtime.spawn_app(
                AppStart(
                    app=app,
                    command=what.command,
                    env=what.env,
                    port=0,  # the main process listens there
                    log=self._folder.log_path(f"app-{app.name}.{name}"),
                    mask=journal.mask,
                )
            )
            return Started(running=running, argv=what.command)

        return Processes(
            app=app.name,
            names=names,
            supervisor=boot.supervisor,
            journal=journal,
            start=start,
            over=over,
        )

    async def _fill(
        self, boot: Boot, command: tuple[str, ...], like: Filled | None = None
    ) -> Filled:
        """A command of the boot's app and its environment, without placeholders."""
        app = self._context.topology.apps[boot.app]
        what = await filled(
            app,
            command,
            {**app.env, **boot.env},
            context=self._context,
            address_of=self._address_for_app,
            like=like,
        )
        self._context.journal.mask.learn_boot(what.command, what.env)
        return what

    async def _spawned(self, boot: Boot, processes: Processes, *, restart: bool = False) -> Watch:
        """Stop the previous boot of the app, spawn a new one, and return the Watch of the new
        one.
        """
        journal = self._context.journal
        if (before := self.watches.get(boot.app)) is not None:
            await before.end()
        app, runtime = self._context.topology.apps[boot.app], self._context.runtime
        attached = runtime.external is not None
        if attached:
            what = Filled(command=(), env={}, port=await runtime.app_port(app), ports={})
        else:
            # Its further processes, which may live on, know the app by its ports.
            like = self._filled[app.name] if restart and app.processes else None
            what = self._filled[app.name] = await self._fill(boot, app.command, like)
        running = await runtime.spawn_app(
            AppStart(
                app=app,
                command=what.command,
                env=what.env,
                port=what.port,
                ports=what.ports,
                log=self._folder.log_path(f"app-{app.name}"),
                mask=journal.mask,
            )
        )
        self._counts[app.name] += 1
        number = self._counts[app.name]
        journal.append(
            Spawned(
                at_s=running.spawned_s - journal.origin_s,
                app=app.name,
                boot=number,
                pid=running.pid,
                port=what.port,
                argv=what.command,
                env=what.env,
                standing=attached,
                restart=restart,
            )
        )
        watched = Watched(
            app=app,
            boot=number,
            running=running,
            journal=journal,
            attached=attached,
            questions=Questions(app.health.period_s or 0.0),
            beside=processes.running,
        )
        sender = Sender(watched, self._context.seed)
        links = links_of(app, self._context)
        ports = {link.name: self._context.addresses[link.name].port for link in links}
        self.watches[app.name] = watch = Watch(watched, self._plan, ports, sender, self.past)
        return watch

    def _address_for_app(self, link: Link) -> Endpoint:
        """The address at which the app reaches the link's service: that of the link's proxy, or
        that of the service itself if a self-test bypasses the proxy.
        """
        disabled = self._context.disabled
        if disabled is not None and disabled.bypasses(link.name):
            return self._context.services[link.service].endpoint
        return self._context.addresses[link.name]
