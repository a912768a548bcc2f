"""Runs one plan and judges it: start the topology, run the plan, judge, stop services and proxy."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from chaoslab.clock import wall_time
from chaoslab.errors import ChaoslabError, ResultsUnwritable
from chaoslab.faults.mutation import Mutation, aimed
from chaoslab.history.checksums import Checksums, changed_files, save_checksums
from chaoslab.history.events import AnyEvent
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder, RunInfo
from chaoslab.lab.abilities import check_abilities, read_links
from chaoslab.lab.bring_up import brought_up
from chaoslab.lab.prepared import prepare_apps
from chaoslab.lab.run import run_plan
from chaoslab.machine.environment import environment
from chaoslab.model.mask import Mask
from chaoslab.model.masking import mask_of
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Verdict
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.verdicts.doubts import (
    CHECKSUMS_UNSAVED,
    HISTORY_IN_PART,
    doubted,
    doubts_of,
)
from chaoslab.verdicts.judge import judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where and how a plan is run: the runtime, the proxy, the seed, the functions that are called
    with each event, and the fault that a self-test disables.

    `runtime_note` says for people why this runtime was chosen and what it cannot show.
    `look_inside`: a step of the plan shows a person what runs, so each link gets one more proxy.
    """

    open_runtime: Callable[[], AbstractAsyncContextManager[Runtime]] = LocalRuntime
    runtime_note: str = ""
    proxy: ProxyKind = "embedded"
    seed: int
    listeners: tuple[Callable[[AnyEvent], None], ...] = ()
    disabled: Mutation | None = None
    look_inside: bool = False


async def carry_out(
    topology: Topology, plan: Plan, setting: Setting, folder: RunFolder
) -> tuple[Verdict, ...]:
    """Run one plan and return its verdicts. Everything about the run is saved in `folder`.

    Raises SpecError (a mistake in the plan), RuntimeUnavailable or ServiceFailed (a failure of the
    lab, or a plan that this runtime cannot carry out) or FaultUnsupported (the proxy or the
    platform cannot inject a fault); secrets are masked in their texts. A failure of the system
    under test is not an error: it is in the verdicts.
    """
    plan = resolve(plan, topology)
    check_abilities(plan, topology)
    mask = mask_of(topology, plan, environment())
    with _masked(mask):
        return await _carried_out(topology, plan, setting, folder, mask)


async def _carried_out(
    topology: Topology, plan: Plan, setting: Setting, folder: RunFolder, mask: Mask
) -> tuple[Verdict, ...]:
    disabled = aimed(setting.disabled, plan, topology) if setting.disabled else None
    async with setting.open_runtime() as runtime:
        runtime.check(plan)
        info = RunInfo(
            scenario=plan.name,
            seed=setting.seed,
            runtime=runtime.name,
            runtime_note=setting.runtime_note,
            proxy=setting.proxy,
            started_at=wall_time().isoformat(timespec="seconds"),
            chaoslab=version("chaoslab"),
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.release()} {platform.machine()}",
            disabled=str(disabled or ""),
        )
        sums = folder.save_before(topology, plan, info)
        up = brought_up(
            topology,
            runtime,
            proxy=setting.proxy,
            seed=setting.seed,
            folder=folder,
            disabled=disabled,
            mask=mask,
            read=read_links(plan, topology),
            look_inside=setting.look_inside,
        )
        async with up as context:
            _listen(context.journal, setting.listeners)
            await prepare_apps(context, folder)
            await run_plan(plan, context, folder)
            return _judged(topology, plan, context.journal, folder, sums)


def _judged(
    topology: Topology, plan: Plan, journal: Journal, folder: RunFolder, sums: Checksums
) -> tuple[Verdict, ...]:
    """Judge the run by the events in its history file, so that `analyze` gives the same verdicts.
    Returns the verdicts.

    Every verdict is UNKNOWN if a file could not be saved, or was changed by somebody else.
    """
    doubts = [HISTORY_IN_PART(why=journal.trouble)] if journal.trouble else []
    try:
        save_checksums(folder.path, {**sums, folder.history_path.name: journal.checksum})
    except ResultsUnwritable as error:
        doubts = doubts or [CHECKSUMS_UNSAVED(why=str(error))]
    doubts += doubts_of(changed_files(folder.path))
    shown = mask_of(topology, plan)
    return doubted(judge(shown.of(topology), shown.of(plan), journal.kept), doubts)


@contextmanager
def _masked(mask: Mask) -> Iterator[None]:
    """Mask the secrets in the text of an error that the block raises: errors quote logs and
    commands.
    """
    try:
        yield
    except Exception as error:
        error.args = tuple(mask.text(e) if isinstance(e, str) else e for e in error.args)
        if isinstance(error, ChaoslabError):
            error.problems = mask.of(error.problems)
        raise


def _listen(journal: Journal, listeners: Iterable[Callable[[AnyEvent], None]]) -> None:
    """Call each listener with every event: those already in the journal, and all later ones."""
    for listener in listeners:
        for event in journal.history.events:
            listener(event)
        journal.listeners.append(listener)
