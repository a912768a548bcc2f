"""The command `chaoslab init`: proposes, starts, asks, and writes the topology and a scenario.

Most modules are imported when it runs.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.discover.output import SCENARIO, TOPOLOGY, may_write, say, written
from chaoslab.errors import (
    UNWRITABLE,
    ErrorCode,
    Problem,
    RuntimeUnavailable,
    SpecError,
)
from chaoslab.printable import each_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaoslab.discover.findings import Findings
    from chaoslab.discover.paths import Named
    from chaoslab.discover.proposal import Proposal
    from chaoslab.model.mask import Mask
    from chaoslab.model.topology import Topology

NO_COMMAND = ErrorCode(
    "init.no_command",
    "no command that starts the app",
    "`chaoslab init` found no command in the folder, and none was given.",
)
NOT_A_PAIR = ErrorCode(
    "init.not_a_pair",
    "'{text}' is not NAME=KIND",
    "A value of `--service` has another form, or its name has a character that is not allowed.",
)
_A_PATH = click.Path(path_type=Path)


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
    package.json, …), with its workers as further processes. Fresh services are started, and the
    command with them, without the workers. Each service is refused once for a few seconds, and the
    usual paths of health are asked meanwhile. Nothing keeps running. On a terminal it asks before
    it starts and before it writes.
    """
    from chaoslab.discover.chosen import chosen_folder
    from chaoslab.discover.paths import Named
    from chaoslab.discover.proposal import Asked, propose
    from chaoslab.machine.environment import environment
    from chaoslab.model.masking import mask_of

    asks = _on_terminal() and not yes
    replaces = may_write(Path(TOPOLOGY), force=force, asks=asks)
    seen, whose = chosen_folder(compose, app, command=bool(words), asks=asks)
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
    if not proposal.command or not proposal.command[0].strip():
        fix = "name it: chaoslab init -- COMMAND"
        raise SpecError(Problem(reason=NO_COMMAND(), fix=fix, lines=seen.notes))
    if whose:
        proposal = proposal.with_note(whose)
    topology = _read(proposal)
    _show(proposal, mask_of(topology))
    named = Named(health=health, live=live, ready=ready, request=request)
    findings = None
    if start and (not asks or click.confirm("Start it with fresh services?", default=True)):
        _check(topology)
        proposal, findings = _observed(proposal, topology, named, within_s)
        findings = _confirmed(findings, named) if asks else findings
    _write(proposal, findings, asks=asks, replaces=replaces)


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


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
        say(mask.text(line))


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _read(proposal: Proposal) -> Topology:
    """The topology of the proposal, as if its file were in the working directory. Raises SpecError
    if it is not valid: then nothing is started or written.
    """
    import tempfile

    from chaoslab import services
    from chaoslab.discover.toml import topology_text
    from chaoslab.model.loader.topology import read_topology

    try:
        with tempfile.TemporaryDirectory(prefix="chaoslab-init-") as place:
            file = Path(place).resolve() / TOPOLOGY
            file.write_text(topology_text(proposal, None), encoding="utf-8")
            topology = read_topology(file, kinds=services.kinds())
    except OSError as error:
        where, cause = "the folder for temporary files", error.strerror or str(error)
        fix = "set TMPDIR to a folder that can be written"
        raise SpecError(Problem(reason=UNWRITABLE(cause=cause), where=where, fix=fix)) from None
    cwd = os.path.abspath(proposal.cwd) if proposal.cwd else ""
    # Without further processes: what is observed is what the command does.
    apps = {name: replace(app, cwd=cwd, processes={}) for name, app in topology.apps.items()}
    return replace(topology, apps=apps)


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
        say(each_line(str(error)))
    reduced = proposal.without_extensions(lacking)
    return reduced, _looked(_read(reduced), named, within_s)


def _looked(topology: Topology, named: Named, within_s: float) -> Findings:
    """Start the topology, and return what was observed."""
    from chaoslab.discover.interrupts import run_until_interrupted

    async def looking() -> Findings:
        # Imported here: a package may swallow a KeyboardInterrupt while it is imported.
        from chaoslab.discover.look import look
        from chaoslab.discover.scratch import scratch_folder
        from chaoslab.history.run_folder import RunFolder

        with scratch_folder() as place:
            say("starting …")
            return await look(topology, named, RunFolder(place), say, within_s=within_s)

    try:
        return run_until_interrupted(looking)
    except KeyboardInterrupt:
        say("interrupted; everything was stopped, and nothing was written")
        raise click.Abort from None


def _confirmed(findings: Findings, named: Named) -> Findings:
    """The findings with the roles and the request that the user confirms."""
    from chaoslab.discover.paths import with_roles

    live, ready = findings.with_role("live"), findings.with_role("ready")
    health = findings.health if findings.not_health else findings.with_role("health")
    chosen = replace(
        named,
        health=_path_of("health", health.path if health else named.health),
        live=_path_of("liveness", named.live or (live.path if live else "")),
        ready=_path_of("readiness", named.ready or (ready.path if ready else "")),
        request=_path_of("a page that needs the services", findings.request),
    )
    paths, not_health = with_roles(findings.paths, chosen), findings.not_health
    if chosen.health and chosen.health not in (each.path for each in paths):
        not_health = f"{chosen.health} (no good answer of it was seen)"
    return replace(findings, paths=paths, request=chosen.request, not_health=not_health)


def _path_of(what: str, default: str) -> str:
    text: str = click.prompt(f"The path of {what} ('-' for none)", default=default or "-")
    return text if text.startswith("/") else ""


def _write(proposal: Proposal, findings: Findings | None, *, asks: bool, replaces: bool) -> None:
    from chaoslab.discover.next_steps import next_steps
    from chaoslab.discover.toml import scenario_text, topology_text

    text = topology_text(proposal, findings, schema=_schema_address())
    if asks:
        click.echo(each_line(text))
        if not click.confirm(f"Write {TOPOLOGY}?", default=True):
            raise click.Abort
    written(Path(TOPOLOGY), text, replaces=replaces)
    scenario = Path(SCENARIO)
    if os.path.lexists(scenario):
        say(f"{scenario} exists, and was kept")
    elif os.path.lexists(scenario.parent) and not scenario.parent.is_dir():
        say(f"{scenario} was not written: {scenario.parent} is no folder")
    elif proposal.services:
        written(scenario, scenario_text(proposal), replaces=False)
    for number, step in enumerate(next_steps(proposal, findings)):
        say(f"{'then' if number else 'next'}: {step}")


def _schema_address() -> str:
    """The schema as editors find it from the folder: the file that `chaoslab schema --beside` has
    written there, else the one that ships with the package: a relative path if it is installed
    below the folder, else a URL of this machine's file.
    """
    from chaoslab.model.loader.json_schema import SHIPPED

    if Path(SHIPPED.name).is_file():
        return f"./{SHIPPED.name}"
    path = SHIPPED.resolve()
    with contextlib.suppress(OSError):  # the folder may be gone
        if path.is_relative_to(here := Path.cwd().resolve()):
            return f"./{path.relative_to(here)}"
    return path.as_uri()
