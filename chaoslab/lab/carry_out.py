"""One plan, from nothing to its verdicts: the only place where all the rooms meet."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import version

from chaoslab.clock import wall_time
from chaoslab.faults.mutation import Mutation, aimed
from chaoslab.history.events import AnyEvent
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder, RunInfo
from chaoslab.lab.bring_up import brought_up
from chaoslab.lab.run import run_plan
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.spec.plan import Plan, resolve
from chaoslab.spec.topology import Topology
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.verdict import Verdict


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
        up = brought_up(
            topology,
            runtime,
            proxy=setting.proxy,
            seed=setting.seed,
            folder=folder,
            disabled=disabled,
        )
        async with up as ground:
            _listen(ground.journal, setting.listeners)
            await run_plan(plan, ground, folder)
            return judge(topology, plan, ground.journal.history)


def _listen(journal: Journal, listeners: Iterable[Callable[[AnyEvent], None]]) -> None:
    """Call each listener with every event from now on, the bring-up's own included."""
    for listener in listeners:
        for event in journal.history.events:
            listener(event)
        journal.listeners.append(listener)
