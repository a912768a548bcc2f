"""The command `chaoslab init`: proposes, starts, asks, and writes the topology and a scenario.

Most modules are imported when it runs.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.errors import (
    UNREADABLE,
    UNWRITABLE,
    ErrorCode,
    Problem,
    RuntimeUnavailable,
    SpecError,
)
from chaoslab.printable import each_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaoslab.discover.findings import Findings
    from chaoslab.discover.folder import Folder
    from chaoslab.discover.paths import Named
    from chaoslab.discover.proposal import Proposal
    from chaoslab.model.mask import Mask
    from chaoslab.model.topology import Topology

EXISTS = ErrorCode(
    "init.file_exists", "it exists", "`chaoslab init` does not replace a file unasked."
)
NO_COMMAND = ErrorCode(
    "init.no_command",
    "no command that starts the app",
    "`chaoslab init` found no command in the folder, and none was given.",
)
SEVERAL_APPS = ErrorCode(
    "init.several_apps",
    "Compose has several apps: {apps}",
    "The Compose file has several services that may be the app, and none was named.",
)
NOT_A_PAIR = ErrorCode(
    "init.not_a_pair",
    "'{text}' is not NAME=KIND",
    "A value of `--service` has another form, or its name has a character that is not allowed.",
)
_A_PATH = click.Path(path_type=Path)
TOPOLOGY, SCENARIO = "chaoslab.toml", "scenarios/test_outage.py"


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("words", nargs=-1, metavar="[-- COMMAND...]")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: take what is proposed.")
@click.option("--service", "services", multiple=True, metavar="NAME=KIND",
              help="Also this service, such as db=postgres; may be repeated.")  # fmt: skip
@click.option("--health", default="", metavar="PATH", help="The path of health.")
@click.option("--live", default="", metavar="PATH", help="The path of liveness.")
@click.option("--ready", default="", metavar="PATH", help="The path of readiness.")
@click.option("--request", default="", metavar="PATH",
              help="A page that needs the services, to show that the app works.")  # fmt: skip
@click.option("--prepare", multiple=True, metavar="COMMAND",
              help="Run it before the first boot, as a migration; may be repeated.")  # fmt: skip
@click.option("--from-compose", "compose", type=_A_PATH,
              help="The Compose FILE to take services, images and variables from.")  # fmt: skip
@click.option("--app", default="", metavar="NAME", help="The Compose service that is the app.")
@click.option("--start/--no-start", default=True, show_default=True,
              help="Start the app and its services to observe them.")  # fmt: skip
@click.option("--start-within", "within_s", type=click.FloatRange(1, 3600), default=120.0,
              show_default=True, metavar="SECONDS",
              help="How long a boot may take to answer.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing chaoslab.toml.")
def init(
    words: tuple[str, ...],
    *,
    yes: bool,
    services: tuple[str, ...],
    health: str,
    live: str,
    ready: str,
    request: str,
    prepare: tuple[str, ...],
    compose: Path | None,
    app: str,
    start: bool,
    within_s: float,
    force: bool,
) -> None:
    """Write a chaoslab.toml for the service in this folder, after a look at what it does.

    COMMAND starts the app; the default is that of the folder (Compose, Procfile, Dockerfile,
    package.json, …). Fresh services are started, and the command with them. Each service is refused
    once for a few seconds, and the usual paths of health are asked meanwhile. Nothing keeps
    running. On a terminal it asks before it starts and before it writes.
    """
    from chaoslab.discover.apps import rivals
    from chaoslab.discover.folder import look_at
    from chaoslab.discover.paths import Named
    from chaoslab.discover.proposal import Asked, propose
    from chaoslab.machine.environment import environment
    from chaoslab.model.masking import mask_of

    asks = _on_terminal() and not yes
    _check_free(Path(TOPOLOGY), force=force, asks=asks)
    if compose and not compose.is_file():
        raise SpecError(Problem(reason=UNREADABLE(cause="no such file"), where=str(compose)))
    folder = compose.parent if compose else Path()
    seen = look_at(folder, compose=compose.name if compose else "", app=app)
    others = () if app else rivals(seen)
    if others and not words:
        name = _which_app(seen, others, asks=asks)
        seen = look_at(folder, compose=compose.name if compose else "", app=name)
    asked = Asked(
        words=words,
        prepare=tuple(filter(None, map(_split, prepare))),
        machine=environment(),
        services=_pairs(services),
    )
    proposal = propose(seen, asked)
    if not proposal.command and asks:
        line = click.prompt("The command that starts the app")
        proposal = propose(seen, replace(asked, words=_split(line)))
    if not proposal.command:
        raise SpecError(Problem(reason=NO_COMMAND(), fix="name it: chaoslab init -- COMMAND"))
    if others and words:
        proposal = proposal.with_note(_whose_variables(seen, others))
    topology = _read(proposal)
    _show(proposal, mask_of(topology))
    named = Named(health=health, live=live, ready=ready, request=request)
    findings = None
    if start and (not asks or click.confirm("Start it with fresh services?", default=True)):
        _check(topology)
        proposal, findings = _observed(proposal, topology, named, within_s)
        findings = _confirmed(findings, named) if asks else findings
    _write(proposal, findings, asks=asks)


def _which_app(seen: Folder, others: Sequence[str], *, asks: bool) -> str:
    """The name of the Compose service that is the app. Raises SpecError where nobody can be
    asked.
    """
    assert seen.app is not None
    names = [seen.app.name, *others]
    if asks:
        which: str = click.prompt("Several apps. Which one?", type=click.Choice(names))
        return which
    fix = f"name one: chaoslab init --app {names[0]}"
    raise SpecError(Problem(reason=SEVERAL_APPS(apps=", ".join(names)), fix=fix))


def _whose_variables(seen: Folder, others: Sequence[str]) -> str:
    """The note of a command that may be that of any app of the Compose file."""
    assert seen.app is not None
    return (
        f"Compose has several apps: the variables are those of {seen.app.name}; --app takes those "
        f"of {' or '.join(others)}"
    )


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _check_free(path: Path, *, force: bool, asks: bool) -> None:
    if not path.exists() or force:
        return
    if not asks or not click.confirm(f"{path} exists. Replace it at the end?", default=False):
        fix = "give --force to replace it, or remove it"
        raise SpecError(Problem(reason=EXISTS(), where=str(path), fix=fix))


def _pairs(texts: tuple[str, ...]) -> Mapping[str, str]:
    from chaoslab.model.loader.names import NAME_PATTERN
    from chaoslab.services import kind_of

    pairs = {}
    for text in texts:
        name, equals, kind = text.partition("=")
        if not equals or not re.fullmatch(NAME_PATTERN, name):
            expected = "for example db=postgres"
            raise SpecError(Problem(reason=NOT_A_PAIR(text=text), expected=expected))
        pairs[name] = kind_of(kind).name
    return pairs


def _split(line: str) -> tuple[str, ...]:
    from chaoslab.discover.shell import split

    return split(line)


def _show(proposal: Proposal, mask: Mask) -> None:
    """Print the proposal, with secrets masked."""
    lines = [f"app {proposal.app}: {' '.join(proposal.command)}"]
    if proposal.command_from:
        lines.append(f"  from {proposal.command_from}")
    lines += [f"  before its first boot: {' '.join(each)}" for each in proposal.prepare]
    lines += [f"  not taken: {other}" for other in proposal.others]
    for each in proposal.services:
        keys = "".join(f"; {key} {_shown(value)}" for key, value in each.keys.items())
        lines.append(f"service {each.name} ({each.kind}): {each.why}{keys}")
    if not proposal.services:
        lines.append("no service was found; --service NAME=KIND adds one")
    lines += [f"  {name} = {text}" for name, text in proposal.env.items()]
    lines += [f"note: {note}" for note in proposal.notes]
    for line in lines:
        _say(mask.text(line))


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _read(proposal: Proposal) -> Topology:
    """The topology of the proposal. Raises SpecError if it is not valid: then nothing is started or
    written.
    """
    import tempfile

    from chaoslab import services
    from chaoslab.discover.toml import topology_text
    from chaoslab.model.loader.topology import read_topology

    with tempfile.TemporaryDirectory(prefix="chaoslab-init-") as place:
        file = Path(place).resolve() / TOPOLOGY
        file.write_text(topology_text(proposal, None), encoding="utf-8")
        return read_topology(file, kinds=services.kinds())


def _check(topology: Topology) -> None:
    """Raise SpecError if a command cannot be executed. The topology has no file that the user
    knows, so its place is left out.
    """
    from chaoslab.preflight.commands import check_commands

    try:
        check_commands(topology)
    except SpecError as error:
        places = (problem.where.partition(": ")[2] for problem in error.problems)
        found = [replace(p, where=w) for p, w in zip(error.problems, places, strict=True)]
        raise SpecError(found) from None


def _observed(
    proposal: Proposal, topology: Topology, named: Named, within_s: float
) -> tuple[Proposal, Findings]:
    """Start the topology. Returns what was observed, and the proposal without the extensions that
    the server of this machine lacks.
    """
    from chaoslab.discover.server_keys import lacking_extensions

    try:
        return proposal, _looked(topology, named, within_s)
    except RuntimeUnavailable as error:
        lacking = lacking_extensions(error)
        if not lacking:
            raise
        _say(each_line(str(error)))
    reduced = proposal.without_extensions(lacking)
    return reduced, _looked(_read(reduced), named, within_s)


def _looked(topology: Topology, named: Named, within_s: float) -> Findings:
    """Start the topology, and return what was observed."""
    import asyncio
    import tempfile

    from chaoslab.discover.look import look
    from chaoslab.history.run_folder import RunFolder

    _say("starting …")
    with tempfile.TemporaryDirectory(prefix="chaoslab-init-") as place:
        try:
            folder = RunFolder(Path(place).resolve())
            return asyncio.run(look(topology, named, folder, _say, within_s=within_s))
        except KeyboardInterrupt:
            _say("interrupted; everything was stopped, and nothing was written")
            raise click.Abort from None


def _confirmed(findings: Findings, named: Named) -> Findings:
    """The findings with the roles and the request that the user confirms."""
    from chaoslab.discover.paths import with_roles

    live, ready, health = (findings.with_role(role) for role in ("live", "ready", "health"))
    chosen = replace(
        named,
        health=_path_of("health", named.health or (health.path if health else "")),
        live=_path_of("liveness", named.live or (live.path if live else "")),
        ready=_path_of("readiness", named.ready or (ready.path if ready else "")),
        request=_path_of("a page that needs the services", named.request),
    )
    return replace(findings, paths=with_roles(findings.paths, chosen), request=chosen.request)


def _path_of(what: str, default: str) -> str:
    text: str = click.prompt(f"The path of {what} ('-' for none)", default=default or "-")
    return text if text.startswith("/") else ""


def _write(proposal: Proposal, findings: Findings | None, *, asks: bool) -> None:
    from chaoslab.discover.toml import scenario_text, topology_text

    text = topology_text(proposal, findings, schema=_schema_address(Path.cwd()))
    if asks:
        click.echo(each_line(text))
        if not click.confirm(f"Write {TOPOLOGY}?", default=True):
            raise click.Abort
    _written(Path(TOPOLOGY), text)
    scenario = Path(SCENARIO)
    if scenario.exists():
        _say(f"{scenario} exists, and was kept")
    elif proposal.services:
        scenario.parent.mkdir(parents=True, exist_ok=True)
        _written(scenario, scenario_text(proposal))
    _say(_next(findings))


def _next(findings: Findings | None) -> str:
    """What to do next: an app without a path that answers 2xx never counts as healthy."""
    health = findings.health if findings else None
    if findings is None or (health and health.steady.good):
        return "next: chaoslab run"
    return (
        "next: name a path that answers with 2xx, as health.path or with --health PATH --force: "
        "none of the usual ones does, and chaoslab run injects no fault before the app is healthy"
    )


def _schema_address(folder: Path) -> str:
    """The schema as editors find it from the folder: the file that `chaoslab schema --beside` has
    written there, else the one that ships with the package: a relative path if it is installed
    below the folder, else a URL of this machine's file.
    """
    from chaoslab.model.loader.json_schema import SHIPPED

    if (folder / SHIPPED.name).is_file():
        return f"./{SHIPPED.name}"
    path = SHIPPED.resolve()
    if path.is_relative_to(folder.resolve()):
        return f"./{path.relative_to(folder.resolve())}"
    return path.as_uri()


def _written(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        cause = error.strerror or str(error)
        raise SpecError(Problem(reason=UNWRITABLE(cause=cause), where=str(path))) from None
    _say(f"wrote {path}")


def _say(text: str) -> None:
    click.echo(each_line(text))
