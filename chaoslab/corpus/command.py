"""`chaoslab corpus`: translation only. What it needs is imported when it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.errors import Problem, SpecError, did_you_mean

if TYPE_CHECKING:
    from chaoslab.corpus.records import Defect
    from chaoslab.model.topology import Topology

_A_PATH = click.Path(path_type=Path)
EXIT_MISSED, EXIT_UNCLEAR, EXIT_STOPPED = 1, 3, 4
_DEFECTS = click.option(
    "--defects",
    type=_A_PATH,
    help="A folder of defects. The default are those of the reference backend.",
)


@click.group(invoke_without_command=True)
@_DEFECTS
@click.pass_context
def corpus(ctx: click.Context, defects: Path | None) -> None:
    """List the builds with known defects. `run` checks that the gate refuses each of them."""
    if ctx.invoked_subcommand is not None:
        return
    from chaoslab.corpus.table import listed

    _print(listed(_read(defects)))


@corpus.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Test each build N times. Earlier runs count.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True,
              help="How many builds are tested in parallel.")  # fmt: skip
@click.option(
    "--topology",
    "file",
    type=_A_PATH,
    help="The topology. The default is the nearest chaoslab.toml.",
)
@click.option("--results", type=_A_PATH, default=Path("results"), show_default=True,
              help="The folder below which the results are saved.")  # fmt: skip
@click.option("--good/--no-good", default=None, help="Also test the good build. "
              "The default is yes if no NAME is given.")  # fmt: skip
@_DEFECTS
@click.pass_context
def run(
    ctx: click.Context,
    names: tuple[str, ...],
    *,
    repeat: int,
    workers: int,
    file: Path | None,
    results: Path,
    good: bool | None,
    defects: Path | None,
) -> None:
    """Run each bad build, and the good one, through the scenarios of the gate.

    NAME is a defect or `good`. The default is all of them. After Ctrl-C the same command continues.
    Exit codes: 0 every defect was refused for its own reason and the good build passed; 1 a defect
    was missed or the good build was refused; 3 a verdict that decides is UNKNOWN; 4 stopped.
    """
    from chaoslab import services
    from chaoslab.corpus.campaign import Campaign
    from chaoslab.corpus.ledger import GOOD, Ledger
    from chaoslab.corpus.table import line
    from chaoslab.corpus.table import results as table
    from chaoslab.model.loader import load_topology

    topology = load_topology(file, kinds=services.kinds())
    chosen = _chosen(_read(defects), names)
    good = (not names or GOOD in names) if good is None else good
    folder = results.resolve() / "corpus"
    campaign = Campaign(
        topology=Path(topology.source),
        scenarios=_scenarios(topology),
        markers=_markers(topology),
        defects=chosen,
        good=good,
        app=next(iter(topology.apps)),
        folder=folder,
        workers=workers,
    )
    ledger = Ledger(folder, _state(topology))
    stopped = False
    try:
        asyncio.run(campaign.run(ledger, repeat, lambda entry: _print(line(entry))))
    except KeyboardInterrupt:
        stopped = True
    names_here = {defect.name for defect in chosen} | ({GOOD} if good else set())
    entries = [entry for entry in ledger.entries() if entry.build in names_here]
    _print(table(chosen, entries))
    if older := ledger.others():
        click.echo(f"{older} trials of another code version are kept but not counted.")
    if stopped:
        click.echo("stopped; run the same command again to continue")
        ctx.exit(EXIT_STOPPED)
    outcomes = {entry.outcome for entry in entries}
    failed = any(outcome == "FAIL" for entry in entries for outcome, _ in entry.outcomes)
    if "missed" in outcomes or failed:
        ctx.exit(EXIT_MISSED)
    if outcomes - {"refused", "passed"}:
        ctx.exit(EXIT_UNCLEAR)


def _read(folder: Path | None) -> tuple[Defect, ...]:
    from chaoslab.corpus.records import read_defects, shipped

    return read_defects(folder or shipped())


def _chosen(defects: tuple[Defect, ...], names: tuple[str, ...]) -> tuple[Defect, ...]:
    from chaoslab.corpus.ledger import GOOD

    known = [GOOD, *(defect.name for defect in defects)]
    wrong = [
        Problem(
            where=name,
            what="unknown build",
            expected="a name that `chaoslab corpus` lists, or good",
            fix=did_you_mean(name, known),
        )
        for name in names
        if name not in known
    ]
    if wrong:
        raise SpecError(wrong)
    return tuple(defect for defect in defects if not names or defect.name in names)


def _markers(topology: Topology) -> tuple[str, ...]:
    if topology.gate is None:
        fix = "write a [gate] with its stages (docs/gate.md)"
        raise SpecError([Problem(where=topology.source, what="has no gate", fix=fix)])
    return tuple(stage.marker for stage in topology.gate.stages)


def _scenarios(topology: Topology) -> str:
    assert topology.gate is not None
    return topology.gate.scenarios


def _state(topology: Topology) -> str:
    """The code that is tried: a change of lab, reference, scenarios or topology begins anew."""
    from chaoslab.corpus.ledger import state_of

    home = Path(topology.source).parent
    package = Path(__file__).parent.parent
    files = [*package.rglob("*.py"), *(home / _scenarios(topology)).rglob("*.py")]
    return state_of([*files, Path(topology.source)])


def _print(what: object) -> None:
    """As wide as the tables need where no terminal says how wide it is."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=140)).print(what)
