"""The command `chaoslab corpus`: reads the options, runs the trials, and prints the results.

Most modules are imported when it runs.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.errors import UNKNOWN_NAME, Problem, SpecError, did_you_mean
from chaoslab.runtimes.table import LOCAL, LOCAL_RUNTIMES

if TYPE_CHECKING:
    from chaoslab.corpus.records import Defect

_A_PATH = click.Path(path_type=Path)
EXIT_MISSED, EXIT_UNCLEAR, EXIT_STOPPED = 1, 3, 4
_DEFECTS = click.option(
    "--defects",
    type=_A_PATH,
    help="A folder with defects. The default is that of the reference backend.",
)


@click.group(invoke_without_command=True)
@_DEFECTS
@click.pass_context
def corpus(ctx: click.Context, defects: Path | None) -> None:
    """List the builds with known defects. `run` checks that the gate refuses each of them."""
    if ctx.invoked_subcommand is not None:
        return
    from chaoslab.console import wide_console
    from chaoslab.corpus.table import listed

    wide_console().print(listed(_read(defects)))


@corpus.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Test each build N times. Earlier trials of the same code count.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True,
              help="Test this many builds in parallel.")  # fmt: skip
@click.option(
    "--topology",
    "file",
    type=_A_PATH,
    help="The topology. The default is the nearest chaoslab.toml.",
)
@click.option("--results", type=_A_PATH, default=Path("results"), show_default=True,
              help="Save the results in the folder `corpus` inside this one.")  # fmt: skip
@click.option("--runtime", type=click.Choice((LOCAL, *LOCAL_RUNTIMES)), default=LOCAL,
              show_default=True, help="Where the scenarios run.")  # fmt: skip
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
    runtime: str,
    good: bool | None,
    defects: Path | None,
) -> None:
    """Test each build with a defect, and the good build, with the scenarios of the gate.

    NAME is a defect or `good`; the default is all. After Ctrl-C run the same command to continue.
    Exit codes: 0 every defect was refused for its own reason and the good build passed; 1 a defect
    was missed or the good build was refused; 3 a verdict that decides is UNKNOWN; 4 stopped.
    """
    from chaoslab import services
    from chaoslab.console import wide_console
    from chaoslab.corpus.campaign import Campaign
    from chaoslab.corpus.ledger import GOOD, Ledger
    from chaoslab.corpus.table import line
    from chaoslab.corpus.table import results as table
    from chaoslab.gate.run import gate_of
    from chaoslab.model.loader import load_topology
    from chaoslab.runtimes.choice import choose

    topology = load_topology(file, kinds=services.kinds())
    choice = choose(runtime, topology, "embedded")
    click.echo(f"runtime {choice.runtime}" + (f"; {choice.note}" if choice.note else ""))
    chosen = tuple(
        defect.on(counts_refused=choice.counts_refused) for defect in _chosen(_read(defects), names)
    )
    good = (not names or GOOD in names) if good is None else good
    folder, gate = results.resolve() / "corpus", gate_of(topology)
    campaign = Campaign(
        topology=Path(topology.source),
        scenarios=gate.scenarios,
        markers=tuple(stage.marker for stage in gate.stages),
        defects=chosen,
        good=good,
        app=next(iter(topology.apps)),
        folder=folder,
        runtime=choice.runtime,
        workers=workers,
    )
    state = _state(Path(topology.source), gate.scenarios)
    ledger = Ledger(folder, f"{state}-{choice.runtime}")
    stopped = False
    console = wide_console()
    try:
        asyncio.run(campaign.run(ledger, repeat, lambda entry: console.print(line(entry))))
    except KeyboardInterrupt:
        stopped = True
    names_here = {defect.name for defect in chosen} | ({GOOD} if good else set())
    entries = [entry for entry in ledger.entries() if entry.build in names_here]
    console.print(table(chosen, entries))
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
            reason=UNKNOWN_NAME(kind="build", name=name),
            expected="a name that `chaoslab corpus` lists, or good",
            fix=did_you_mean(name, known),
        )
        for name in names
        if name not in known
    ]
    if wrong:
        raise SpecError(wrong)
    return tuple(defect for defect in defects if not names or defect.name in names)


def _state(topology: Path, scenarios: str) -> str:
    """A checksum of the files of chaoslab, the scenarios and the topology.

    Trials with another checksum are kept, but not counted.
    """
    from chaoslab.corpus.ledger import state_of

    package = Path(__file__).parent.parent
    files = [*package.rglob("*.py"), *(topology.parent / scenarios).rglob("*.py")]
    return state_of([*files, topology])
