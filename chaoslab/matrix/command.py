"""The command `chaoslab run`: reads the options, runs the cells, and prints what the app does.

Most modules are imported when it runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from chaoslab.model.cell import ON_LINKS, ON_SERVICES
from chaoslab.printable import each_line, one_line
from chaoslab.runtimes.table import DEFAULT, LOCAL_RUNTIMES, NAMES, TABLE

if TYPE_CHECKING:
    from chaoslab.matrix.run import Ran
    from chaoslab.model.cell import Cell
    from chaoslab.model.topology import App, Topology
    from chaoslab.model.verdict import Verdict

_A_PATH = click.Path(path_type=Path)
_FAULTS = (*ON_LINKS, *ON_SERVICES)
ATTACH = "attach"
# a cell starts and stops its app; --against runs the few that need neither
_RUNTIMES = tuple(name for name in NAMES if name not in TABLE or not TABLE[name].external_proxy)


@click.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option("--list", "listing", is_flag=True, help="Print the cells. Run nothing.")
@click.option("--only", "names", multiple=True, metavar="NAME",
              help="Run only this cell, and the steady state; may be repeated.")  # fmt: skip
@click.option("--fault", "faults", multiple=True, type=click.Choice(_FAULTS),
              help="Run only the cells with this fault; may be repeated.")  # fmt: skip
@click.option("--hold", "held", metavar="NAME",
              help="Run only this cell, and keep its lab open at the fault.")  # fmt: skip
@click.option("--hold-s", "hold_s", type=click.FloatRange(min=0, min_open=True), default=600.0,
              show_default=True, metavar="SECONDS", help="Open for at most so long.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text",
              show_default=True, help="The form of what is printed at the end.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), metavar="N",
              help="Run N cells in parallel. The default follows from the cores.")  # fmt: skip
@click.option("--runtime", type=click.Choice(_RUNTIMES), default=DEFAULT, show_default=True,
              help="Where services and apps run.")  # fmt: skip
@click.option("--against", metavar="URL",
              help="Run the cells that start and stop nothing on the running app at URL, one at a "
              "time, through the proxies in [attach].")  # fmt: skip
@click.option("--accept", is_flag=True,
              help="Write what was observed into FILE, as policies and deadlines.")  # fmt: skip
@click.option("--max-lag-s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="A cell is not known if the lab itself is later than this (0.5).")  # fmt: skip
@click.option("--seed", type=int, help="The seed of all random choices.")
@click.option("--results", type=_A_PATH, default=Path("results"), show_default=True,
              help="Save the run in a new folder inside this one.")  # fmt: skip
@click.pass_context
def run(
    ctx: click.Context,
    file: Path | None,
    *,
    listing: bool,
    names: tuple[str, ...],
    faults: tuple[str, ...],
    held: str | None,
    hold_s: float,
    form: str,
    workers: int | None,
    runtime: str,
    against: str | None,
    accept: bool,
    max_lag_s: float | None,
    seed: int | None,
    results: Path,
) -> None:
    """Inject every fault on every link of a topology FILE, and print what each app does.

    The default FILE is the nearest topology. For each link: refused, dropped, silent, and silent
    with connections that stay dead after the heal, at boot and while the app runs; a stop and a
    restart of the service; SIGTERM during an outage. The steady state comes first.

    With policies in the topology, as --accept writes them, the run is a gate: each cell must be as
    accepted.

    With --hold one cell is run, and its lab stays open at the fault: addresses and lines to paste
    are printed. Enter, Ctrl-C or --hold-s end it: the fault is healed, and the cell is judged.

    Exits with 1 if something is wrong under any policy or not as accepted; if a cell with a policy
    is not known or not possible here; if the lab failed in a cell, or nothing is known of an app
    under a fault; if the steady state is not healthy, or the run was interrupted. Exits with 2 for
    a mistake in the file or the options.
    """
    from chaoslab import services
    from chaoslab.matrix.attached import narrowed
    from chaoslab.matrix.cells import cells, chosen
    from chaoslab.matrix.claims import without_policies
    from chaoslab.model.loader import load_topology
    from chaoslab.runtimes.attach.declared import declared

    if held:
        _check_hold(runtime, others=bool(names or faults or listing or accept or against))
    topology = load_topology(file, kinds=services.kinds())
    if accept:
        topology = without_policies(topology)
    every = cells(topology)
    if against is not None:
        _alone(ctx)
        topology, app = narrowed(topology, declared(topology), against)
        every = tuple(cell for cell in every if cell.app == app)
    wanted = chosen(every, (held,), option="--hold") if held else chosen(every, names, faults)
    if listing:
        _list(wanted, topology, attached=against is not None)
        return
    asked = Asked(
        topology=topology,
        cells=wanted,
        every_cell=wanted == every and against is None,
        held=next((cell for cell in wanted if cell.name == held), None),
        hold_s=hold_s,
        form=form,
        workers=1 if against is not None else workers or usual_workers(),
        runtime=runtime if against is None else ATTACH,
        accept=accept,
        max_lag_s=max_lag_s,
        seed=seed,
        results=results,
    )
    ctx.exit(_run(asked))


def _check_hold(runtime: str, *, others: bool) -> None:
    """Raise UsageError if `--hold` cannot be used, or not with the other options."""
    if others:
        raise click.UsageError(
            "--hold runs one cell, without --only, --fault, --list, --accept or --against"
        )
    if runtime not in (DEFAULT, *LOCAL_RUNTIMES):
        raise click.UsageError(f"--hold needs --runtime {' or '.join((DEFAULT, *LOCAL_RUNTIMES))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command is to run, where, and how it is to print it. `every_cell`: the cells are all
    that the topology has.
    """

    topology: Topology
    cells: tuple[Cell, ...]
    every_cell: bool
    held: Cell | None
    hold_s: float
    form: str
    workers: int
    runtime: str
    accept: bool
    max_lag_s: float | None
    seed: int | None
    results: Path


def usual_workers() -> int:
    """One cell more than there are cores: a cell waits most of the time."""
    return min(8, len(os.sched_getaffinity(0)) + 1)


def _alone(ctx: click.Context) -> None:
    """Raise UsageError for an option that makes no sense with --against."""
    for name, why in (("runtime", "starts nothing"), ("workers", "runs one cell at a time")):
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--against {why}: remove --{name}", ctx)


def _list(wanted: tuple[Cell, ...], topology: Topology, *, attached: bool) -> None:
    from chaoslab.matrix.attached import why_not_run
    from chaoslab.model.cell import MEANS

    width = max((len(cell.name) for cell in wanted), default=0)
    for cell in wanted:
        why = why_not_run(cell, topology) if attached else ""
        means = f"not possible here: {why}" if why else MEANS[cell.fault]
        click.echo(one_line(f"{cell.name:<{width}}  {cell.label}: {means}"))


def _run(asked: Asked) -> int:
    """Run the cells, print and save the result, and return the exit code."""
    from chaoslab.clock import wall_time
    from chaoslab.history.new_folder import new_folder
    from chaoslab.lab.carry_out import Setting
    from chaoslab.matrix.accept import accepted
    from chaoslab.matrix.attached import why_not_run
    from chaoslab.matrix.decision import decide
    from chaoslab.matrix.hold import Hold
    from chaoslab.matrix.printed import printed, saved
    from chaoslab.matrix.run import Matrix, MatrixRun
    from chaoslab.matrix.write import write_accepted
    from chaoslab.preflight.commands import check_commands
    from chaoslab.runtimes.choice import choose
    from chaoslab.runtimes.kind import runtime_kind
    from chaoslab.runtimes.table import usual_proxy
    from chaoslab.seeds import fresh_seed

    topology, proxy = asked.topology, usual_proxy(asked.runtime)
    choice = choose(asked.runtime, topology, proxy)
    session = runtime_kind(choice.runtime).open_session(topology, proxy)
    session.check()
    if choice.runtime in LOCAL_RUNTIMES:
        check_commands(topology)
    folder = new_folder(asked.results.resolve() / f"run-{wall_time():%Y%m%d-%H%M%S}")
    for line in session.touches:
        _say(line)
    attached = asked.runtime == ATTACH
    tried = [c for c in asked.cells if not (attached and why_not_run(c, topology))]
    _say(f"{len(tried)} cells, {asked.workers} at a time, runtime {choice.runtime}")
    setting = Setting(
        open_runtime=session.lab,
        runtime_note=choice.note,
        proxy=proxy,
        seed=fresh_seed() if asked.seed is None else asked.seed,
    )

    hold = None
    if asked.held is not None:
        terminal = sys.stderr.isatty()
        hold = Hold(cell=asked.held, limit_s=asked.hold_s, say=_say, terminal=terminal)

    async def all_cells() -> MatrixRun:
        matrix = Matrix(
            topology,
            setting,
            folder,
            workers=asked.workers,
            say=_say,
            max_lag_s=asked.max_lag_s,
            attached=attached,
            hold=hold,
        )
        return await matrix.run(asked.cells)

    try:
        done = asyncio.run(all_cells())
    finally:
        session.close()
    decision = decide(
        done,
        topology,
        len(asked.cells),
        gate=any(app.policies for app in topology.apps.values()),
        today=wall_time().date(),
        attached=attached,
    )
    saved(done, decision, topology)
    printed(done, decision, topology, asked.form, held=asked.held)
    if asked.accept and not done.interrupted and not done.problems:
        found = accepted(done, topology, _judged_again, every_cell=asked.every_cell)
        for line in write_accepted(Path(topology.source), found):
            _say(line)
    return decision.exit_code


def _judged_again(ran: Ran, app: App, boot_s: float) -> tuple[Verdict, ...]:
    """The verdicts of a cell that was run if its app had the policies and deadlines of `app`."""
    from chaoslab.history.run_folder import RunFolder
    from chaoslab.matrix.saved import judged_again_as

    assert ran.folder is not None, "only a cell that is known is judged again"
    return judged_again_as(app, RunFolder(ran.folder), boot_s=boot_s)


def _say(text: str) -> None:
    """Print a progress line, beside what may be piped into a file."""
    click.echo(each_line(text), err=True)
