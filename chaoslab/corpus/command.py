"""The command `chaoslab corpus`: reads the options, runs the trials, and prints the results.

Most modules are imported when it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.runtimes.table import LOCAL, LOCAL_RUNTIMES

if TYPE_CHECKING:
    from chaoslab.corpus.builds import Build, GatedProject
    from chaoslab.corpus.ledger import Entry
    from chaoslab.corpus.record import Record
    from chaoslab.model.topology import Topology
    from chaoslab.runtimes.choice import Choice

_A_PATH = click.Path(path_type=Path)
EXIT_MISSED, EXIT_UNCLEAR, EXIT_STOPPED = 1, 3, 4
_DEFECTS = click.option(
    "--defects",
    type=_A_PATH,
    help="A folder with defects. The default is that of the reference backend.",
)
_SERVICES = click.option(
    "--field",
    type=_A_PATH,
    help="A folder with services of the field corpus. The default is `field`, if it exists and "
    "--defects is not given.",
)


@click.group(invoke_without_command=True)
@_DEFECTS
@_SERVICES
@click.pass_context
def corpus(ctx: click.Context, defects: Path | None, field: Path | None) -> None:
    """List the builds with known bugs: defects of the reference backend, and services of the field
    corpus. `run` checks that each of them is refused.
    """
    if ctx.invoked_subcommand is not None:
        return
    from chaoslab.console import wide_console
    from chaoslab.corpus.records import read_records
    from chaoslab.corpus.table import listed

    wide_console().print(listed(read_records(defects, field)))


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
@click.option("--good/--no-good", default=None, help="Also test the good build of the reference "
              "backend. The default is yes if no NAME is given.")  # fmt: skip
@_DEFECTS
@_SERVICES
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
    field: Path | None,
) -> None:
    """Test each build with a defect, and the good build, with the scenarios of the gate. Test each
    service of the field corpus, and its twin, with its own scenarios. A service that needs what
    this machine does not have is skipped.

    NAME is a defect, a service or `good`; the default is all. After Ctrl-C run the same command to
    continue. Exit codes: 0 every bug was refused for its own reason, and the good build and the
    twins passed; 1 a bug was missed, or the good build or a twin was refused; 3 a verdict that
    decides is UNKNOWN; 4 stopped.
    """
    from chaoslab import services
    from chaoslab.console import wide_console
    from chaoslab.corpus.campaign import Campaign
    from chaoslab.corpus.ledger import GOOD, Ledger
    from chaoslab.corpus.records import chosen, read_records
    from chaoslab.corpus.table import line
    from chaoslab.corpus.table import results as table
    from chaoslab.model.loader import load_topology
    from chaoslab.printable import one_line
    from chaoslab.runtimes.choice import choose

    topology = load_topology(file, kinds=services.kinds())
    choice = choose(runtime, topology, "embedded")
    click.echo(f"runtime {choice.runtime}" + (f"; {choice.note}" if choice.note else ""))
    records = tuple(
        record.on(counts_refused=choice.counts_refused)
        for record in chosen(read_records(defects, field), names)
    )
    good = (not names or GOOD in names) if good is None else good
    project = _project(topology, choice)
    builds = [*([project.good()] if good else []), *_builds(records, project)]
    folder = results.resolve() / "corpus"
    ledger = Ledger(folder, {build.name: build.state for build in builds})
    campaign = Campaign(builds=builds, folder=folder, workers=workers)
    stopped, console = False, wide_console()
    _tell_skipped(records)
    try:
        asyncio.run(campaign.run(ledger, repeat, lambda entry: console.print(line(entry))))
    except KeyboardInterrupt:
        stopped = True
    console.print(table(records, ledger.entries()))
    if older := ledger.others():
        click.echo(f"{older} trials of another code version are kept but not counted.")
    for entry in filter(_decides, ledger.entries()):  # the end names them: a CI shows its end
        click.echo(f"FAILED {'; '.join((entry.build, entry.outcome, *map(one_line, entry.why)))}")
    if stopped:
        click.echo("stopped; run the same command again to continue")
        ctx.exit(EXIT_STOPPED)
    ctx.exit(_exit_code(ledger.entries()))


def _exit_code(entries: Sequence[Entry]) -> int:
    return max(map(_decides, entries), key=(0, EXIT_UNCLEAR, EXIT_MISSED).index, default=0)


def _decides(entry: Entry) -> int:
    """The exit code that one trial causes. 0 if it is as it should be."""
    if entry.outcome == "missed" or any(outcome == "FAIL" for outcome, _ in entry.outcomes):
        return EXIT_MISSED
    return 0 if entry.outcome in ("refused", "passed") else EXIT_UNCLEAR


def _project(topology: Topology, choice: Choice) -> GatedProject:
    from chaoslab.corpus.builds import GatedProject
    from chaoslab.gate.run import gate_of

    gate = gate_of(topology)
    return GatedProject(
        topology=Path(topology.source),
        scenarios=gate.scenarios,
        markers=tuple(stage.marker for stage in gate.stages),
        app=next(iter(topology.apps)),
        runtime=choice.runtime,
    )


def _builds(records: Sequence[Record], project: GatedProject) -> Iterator[Build]:
    """The builds of the records. A service that cannot run on this machine is left out."""
    from chaoslab.corpus.builds import of_service
    from chaoslab.corpus.record import Defect

    for record in records:
        if isinstance(record.target, Defect):
            yield project.defective(record, record.target)
        elif not record.target.missing:
            yield from of_service(record, record.target, project.runtime)


def _tell_skipped(records: Sequence[Record]) -> None:
    from chaoslab.console import wide_console
    from chaoslab.corpus.record import Service
    from chaoslab.corpus.table import skipped

    for record in records:
        if isinstance(record.target, Service) and record.target.missing:
            wide_console().print(skipped(record, record.target))
