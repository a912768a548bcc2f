"""The `chaoslab` command: translation only. Each command imports what it needs when it runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaoslab.corpus.command import corpus
from chaoslab.errors import ChaoslabError, SpecError
from chaoslab.export.command import export
from chaoslab.gate.command import gate
from chaoslab.preflight.command import preflight
from chaoslab.printable import each_line, one_line
from chaoslab.runtimes.table import DEFAULT, TABLE

if TYPE_CHECKING:
    from rich.console import Console

_A_PATH = click.Path(path_type=Path)
_RESULTS = click.option(
    "--results",
    type=_A_PATH,
    default=Path("results"),
    show_default=True,
    help="The folder that runs are saved below.",
)


class _Group(click.Group):
    """Turns chaoslab's own errors into their text: exit 2 for the user's mistake, 1 otherwise."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _warnings_as_lines():
                return super().invoke(ctx)
        except SpecError as error:
            click.echo(each_line(str(error)), err=True)
            ctx.exit(2)
        except ChaoslabError as error:
            click.echo(each_line(str(error)), err=True)
            ctx.exit(1)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Each warning of chaoslab's own as one line, and not as a place in its source."""
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
    """Does the service start, degrade and recover when its network path is severed?"""


@main.command()
@click.argument("file", type=_A_PATH, required=False)
def check(file: Path | None) -> None:
    """Validate a topology FILE and print it.

    The default FILE is the nearest chaoslab.toml, or pyproject.toml with [tool.chaoslab].
    """
    from chaoslab import services
    from chaoslab.gate.run import gate_of
    from chaoslab.model.loader import load_topology
    from chaoslab.report.topology_text import understood

    topology = load_topology(file, kinds=services.kinds())
    if topology.gate is not None:
        gate_of(topology)
    _console().print(understood(topology), soft_wrap=True)


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
    "--seed", type=int, help="Seed of jitter, toxicity and slices: the same seed repeats them."
)
@click.option("--config", help="A JSON file of proxies to create, as for POST /populate.")
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    help="Accept this Host name too; may be repeated. *: accept any.",
)
@click.pass_context
def proxy(ctx: click.Context, /, **given: Any) -> None:
    """Serve Toxiproxy's HTTP API with the embedded engine, until Ctrl-C or SIGTERM.

    Prints one line of JSON when it listens. Exits with 0 after Ctrl-C or SIGTERM, with 1 after an
    error. The Host of a request must be a loopback address, --host or an --allow-host. Requests of
    browsers are refused.
    """
    from chaoslab.engine.main import Options, serve
    from chaoslab.services import last_messages

    ctx.exit(serve(Options(**given, last_messages=last_messages())))


@main.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@_RESULTS
def report(runs: tuple[str, ...], results: Path) -> None:
    """Print the start-up latencies of a RUN and compare further runs with it.

    A RUN is a folder, or its name below results/. The default is the newest run. The rows are saved
    as boots.csv in the folder of each run.
    """
    from chaoslab.report.frames import boots_frame, save_boots
    from chaoslab.report.runs import chosen_runs
    from chaoslab.report.text import latencies

    chosen = chosen_runs(runs, results)
    boots = boots_frame(chosen)
    console = _console()
    console.print(latencies(boots))
    for path in save_boots(boots, chosen):
        console.print(f"saved {path}", markup=False, highlight=False)


@main.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if something is old.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.pass_context
def migrate(ctx: click.Context, file: Path | None, check: bool, diff: bool) -> None:
    """Rewrite a topology FILE with the present names and version.

    Comments and layout stay. The default FILE is the nearest topology.
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
    """Judge a saved RUN again. Nothing is started.

    RUN is a folder, its name below results/, or the folder of one scenario in it. The new verdicts
    replace the old ones. Exits with 1 unless every verdict is PASS.
    """
    from chaoslab.history.run_folder import scenario_folders
    from chaoslab.model.verdict import Outcome, worst
    from chaoslab.report.runs import chosen_runs, save_verdicts
    from chaoslab.report.verdicts_text import judged
    from chaoslab.verdicts.saved_run import judged_again

    console = _console()
    outcomes = []
    for folder in scenario_folders(*(each.resolve() for each in chosen_runs((run,), results))):
        verdicts = judged_again(folder)
        save_verdicts(folder, verdicts)
        console.print(judged(folder.path.name, verdicts))
        outcomes.append(worst(verdict.outcome for verdict in verdicts))
    if worst(outcomes) is not Outcome.PASS:
        ctx.exit(1)


main.add_command(corpus)
main.add_command(export)
main.add_command(gate)
main.add_command(preflight)


@main.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option(
    "--runtime",
    type=click.Choice(list(TABLE)),
    default=DEFAULT,
    show_default=True,
    help="Exit with 1 unless this runtime is ready.",
)
@click.option("--pull", is_flag=True, help="Pull missing images.")
@click.pass_context
def doctor(ctx: click.Context, file: Path | None, runtime: str, pull: bool) -> None:
    """Show what each runtime needs on this machine, what is missing, and the fix.

    The default FILE is the nearest topology, if there is one.
    """
    from chaoslab.runtimes.doctor.look import look
    from chaoslab.runtimes.doctor.needs import needs_of
    from chaoslab.runtimes.doctor.subject import subject
    from chaoslab.runtimes.doctor.text import diagnosis

    topology, named = subject(file)
    machine = look(topology, named, pull=pull)
    needs = needs_of(machine)
    _console().print(diagnosis(machine, needs), soft_wrap=True)
    if any(each.runtime == runtime and each.readiness != "ready" for each in needs):
        ctx.exit(1)


@main.command()
@click.option("--dry-run", is_flag=True, help="Print what would be removed. Remove nothing.")
@click.option("--images", is_flag=True, help="Also remove old images of chaoslab's agent.")
@click.option(
    "--session", default="", help="Also remove this session of another host. It must be dead."
)
@click.pass_context
def clean(ctx: click.Context, dry_run: bool, images: bool, session: str) -> None:
    """Remove what dead labs left behind: containers, networks, volumes, processes, folders, faults.

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


def _console() -> Console:
    """A console that is wide enough for the tables where no terminal says how wide it is."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=140)


if __name__ == "__main__":
    main()
