"""The `chaoslab` command. Each subcommand imports what it needs when it runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from chaoslab.corpus.command import corpus
from chaoslab.discover.command import init
from chaoslab.errors import UNWRITABLE, ChaoslabError, Problem, SpecError
from chaoslab.export.command import export
from chaoslab.gate.command import gate
from chaoslab.matrix.command import run
from chaoslab.preflight.command import preflight
from chaoslab.printable import each_line, one_line
from chaoslab.runtimes.table import DEFAULT, NAMES

_A_PATH = click.Path(path_type=Path)
_RESULTS = click.option(
    "--results",
    type=_A_PATH,
    default=Path("results"),
    show_default=True,
    help="The folder with the saved runs.",
)


class _Group(click.Group):
    """The group of all commands. It prints an error of chaoslab with its codes.

    It exits with 2 for a mistake of the user, and with 1 for any other error.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _warnings_as_lines():
                return super().invoke(ctx)
        except ChaoslabError as error:
            click.echo(each_line(str(error)), err=True)
            if codes := dict.fromkeys(problem.code for problem in error.problems):
                click.echo(f"codes: {', '.join(codes)}", err=True)
            ctx.exit(2 if isinstance(error, SpecError) else 1)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """While the block runs, print each warning of chaoslab on one line, without its source line."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if category.__module__.startswith("chaoslab."):
                click.echo(one_line(f"warning: {message}"), err=True)
            else:
                shown(message, category, *place)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chaoslab")
def main() -> None:
    """Test whether a service starts, degrades and recovers when its network path is cut.

    Scenarios are pytest tests: run them with pytest. The commands below do the rest.
    """


@main.command()
@click.argument("file", type=_A_PATH, required=False)
def check(file: Path | None) -> None:
    """Validate a topology FILE and print it. Nothing is started.

    A command that cannot be executed on this machine is a mistake; a warning if it may run in a
    container or in a running system. The default FILE is the nearest chaoslab.toml, or
    pyproject.toml with [tool.chaoslab], in this folder or one above it.
    """
    from chaoslab import services
    from chaoslab.console import wide_console
    from chaoslab.gate.run import gate_of
    from chaoslab.model.loader import load_topology
    from chaoslab.preflight.commands import check_commands
    from chaoslab.report.topology_text import topology_tree

    topology = load_topology(file, kinds=services.kinds())
    for problem in check_commands(topology):
        click.echo(each_line(f"warning: {problem}"), err=True)
    if topology.gate is not None:
        gate_of(topology)
    wide_console().print(topology_tree(topology), soft_wrap=True)


@main.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address on which the API listens."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8474,
    show_default=True,
    help="The port of the API; 0 chooses a free one.",
)
@click.option(
    "--seed",
    type=int,
    help="The seed of all random choices: jitter, toxicity, slices. The same seed repeats them.",
)
@click.option("--config", help="A JSON file of proxies to create, as for POST /populate.")
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    help="Also accept requests with this Host name; may be repeated. `*` accepts any.",
)
@click.pass_context
def proxy(ctx: click.Context, /, **given: Any) -> None:
    """Run the embedded proxy and serve Toxiproxy's HTTP API, until Ctrl-C or SIGTERM.

    Prints one line of JSON once it listens. Exits with 0 after Ctrl-C or SIGTERM, with 1 after an
    error. The Host name of a request must be a loopback address, --host or an --allow-host.
    Requests from web browsers are refused.
    """
    from chaoslab.engine.main import Options, serve
    from chaoslab.services import last_messages

    ctx.exit(serve(Options(**given, last_messages=last_messages())))


@main.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@_RESULTS
def report(runs: tuple[str, ...], results: Path) -> None:
    """Print the start-up times of a RUN, and compare further runs with the first one.

    A RUN is a folder, or the name of a folder in results/. The default is the newest run. The rows
    are also saved as boots.csv in the folder of each run.
    """
    from chaoslab.console import wide_console
    from chaoslab.report.boots import boots, save_boots
    from chaoslab.report.runs import chosen_runs
    from chaoslab.report.text import latencies

    chosen = chosen_runs(runs, results)
    rows = boots(chosen)
    console = wide_console()
    console.print(latencies(rows))
    for path in save_boots(rows, chosen):
        console.print(f"saved {path}", markup=False, highlight=False)


@main.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option("--check", is_flag=True, help="Change no file; exit with 1 if it needs a change.")
@click.option("--diff", is_flag=True, help="Change no file; print the changes.")
@click.pass_context
def migrate(ctx: click.Context, file: Path | None, check: bool, diff: bool) -> None:
    """Update a topology FILE to the current names and version.

    Comments and layout are kept. The default FILE is the nearest topology.
    """
    from difflib import unified_diff

    from chaoslab.model.loader import find_topology
    from chaoslab.model.loader.migrate import migrated, read_text

    path = file or find_topology(Path.cwd())
    before = read_text(path)
    after = migrated(path, before)
    if diff:
        lines = unified_diff(
            before.splitlines(), after.splitlines(), str(path), str(path), lineterm=""
        )
        for line in lines:
            click.echo(one_line(line))
    if check or diff:
        ctx.exit(1 if check and after != before else 0)
    if after == before:
        click.echo(one_line(f"{path}: nothing to change"))
        return
    path.write_bytes(after.encode())
    click.echo(one_line(f"{path}: rewritten"))


@main.command()
@click.argument("run")
@_RESULTS
@click.pass_context
def analyze(ctx: click.Context, run: str, results: Path) -> None:
    """Judge a saved RUN again, by its files. Nothing is started.

    RUN is a folder, the name of a folder in results/, or the folder of one scenario in a run. The
    new verdicts replace the old ones. Exits with 1 unless every verdict is PASS. In a search for
    the length that breaks an app (`chaos.how_long`), the lengths that are not required may FAIL.
    """
    from chaoslab.console import wide_console
    from chaoslab.history.run_folder import scenario_folders
    from chaoslab.model.verdict import Outcome, worst
    from chaoslab.report.how_long import read_how_long, save_how_long, saved_searches
    from chaoslab.report.runs import chosen_runs, save_verdicts
    from chaoslab.report.verdicts_text import judged
    from chaoslab.verdicts.saved_run import judged_again

    console = wide_console()
    outcomes = {}
    (chosen,) = (each.resolve() for each in chosen_runs((run,), results))
    for folder in scenario_folders(chosen):
        verdicts = judged_again(folder)
        save_verdicts(folder, verdicts)
        console.print(judged(folder.path.name, verdicts))
        outcomes[folder.path.name] = worst(verdict.outcome for verdict in verdicts)
    for search in saved_searches(chosen):
        found = read_how_long(search)
        save_how_long(search, found)
        console.print(judged(search.name, (found.verdict,)))
        outcomes = {name: outcome for name, outcome in outcomes.items() if found.counts(name)}
        outcomes[search.name] = found.verdict.outcome
    if worst(outcomes.values()) is not Outcome.PASS:
        ctx.exit(1)


@main.command()
@click.option("--beside", "file", type=_A_PATH, metavar="FILE",
              help="Write it into the folder of this topology, whose first line then names "
              "it.")  # fmt: skip
def schema(file: Path | None) -> None:
    """Print the JSON Schema of chaoslab.toml, from which editors complete and check it.

    It has the installed kinds of service. The one that ships with chaoslab has only its own kinds.
    """
    from chaoslab import services
    from chaoslab.model.loader.document import SHARED_FILE
    from chaoslab.model.loader.json_schema import SHIPPED, naming_schema, schema_text
    from chaoslab.model.loader.migrate import read_text

    text = schema_text(services.kinds())
    if file is None:
        click.echo(text, nl=False)
        return
    if file.name == SHARED_FILE:
        raise click.UsageError(f"--beside: {SHARED_FILE} has a schema of its own")
    topology = naming_schema(read_text(file))
    try:
        file.with_name(SHIPPED.name).write_bytes(text.encode())
        file.write_bytes(topology.encode())
    except OSError as error:
        cause = error.strerror or str(error)
        raise SpecError(Problem(reason=UNWRITABLE(cause=cause), where=str(file))) from None
    click.echo(one_line(f"wrote {file.with_name(SHIPPED.name)}, which {file} names"))


main.add_command(corpus)
main.add_command(export)
main.add_command(gate)
main.add_command(init)
main.add_command(preflight)
main.add_command(run)


@main.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option(
    "--runtime",
    type=click.Choice(NAMES),
    default=DEFAULT,
    show_default=True,
    help="The runtime that must be ready; else exit with 1.",
)
@click.option("--pull", is_flag=True, help="Pull missing images.")
@click.pass_context
def doctor(ctx: click.Context, file: Path | None, runtime: str, pull: bool) -> None:
    """Show what each runtime needs on this machine, what is missing, and how to fix it.

    The default FILE is the nearest topology, if there is one.
    """
    from chaoslab.console import wide_console
    from chaoslab.runtimes.doctor.look import look
    from chaoslab.runtimes.doctor.needs import needs_of
    from chaoslab.runtimes.doctor.subject import subject
    from chaoslab.runtimes.doctor.text import diagnosis

    topology, named = subject(file)
    machine = look(topology, named, pull=pull)
    needs = needs_of(machine)
    wide_console().print(diagnosis(machine, needs), soft_wrap=True)
    if any(each.runtime == runtime and each.readiness != "ready" for each in needs):
        ctx.exit(1)


@main.command()
@click.option("--dry-run", is_flag=True, help="Print what would be removed. Remove nothing.")
@click.option("--images", is_flag=True, help="Also remove old images of chaoslab's agent.")
@click.option(
    "--session",
    default="",
    metavar="ID",
    help="Also remove the session ID of another host. It must have ended.",
)
@click.pass_context
def clean(ctx: click.Context, dry_run: bool, images: bool, session: str) -> None:
    """Remove what killed labs left: containers, networks, volumes, processes, folders, faults.

    Labs that still run are not touched. Exits with 1 if something could not be removed.
    """
    from chaoslab.runtimes import cleaning

    found = cleaning.find(images=images, session=session)
    for note in found.notes:
        click.echo(one_line(note))
    if not found.leftovers:
        click.echo("nothing to clean")
    if dry_run:
        for leftover in found.leftovers:
            click.echo(one_line(f"would remove: {leftover.what}"))
        return
    failed = False
    for leftover, why in cleaning.removed(found.leftovers):
        text = f"could not remove: {leftover.what}: {why}" if why else f"removed: {leftover.what}"
        click.echo(one_line(text))
        failed = failed or bool(why)
    if failed:
        ctx.exit(1)


if __name__ == "__main__":
    main()
