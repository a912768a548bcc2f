"""Whether the programs of a topology can be executed on this machine. Nothing is executed."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.machine.environment import environment
from chaoslab.machine.executable import execution_error
from chaoslab.machine.ports import HOST
from chaoslab.machine.process import not_executed
from chaoslab.model.loader.document import shown, table_place
from chaoslab.model.loader.mistakes import Place, at
from chaoslab.model.masking import mask_of
from chaoslab.model.placeholders import fill, names_in
from chaoslab.model.topology import App, Service, Topology
from chaoslab.services import kind_of

NO_FOLDER = ErrorCode(
    "app.no_folder",
    "there is no folder {folder}",
    "The folder in which an app's command should run does not exist.",
)
_KNOWN = {"python": sys.executable, "host": HOST}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandProblem:
    """A command that cannot be executed on this machine.

    It is `certain` if nothing in the topology says that the command may run elsewhere: inside an
    image, which is not looked at here, or in a system that runs already. Only then it is a mistake.
    """

    problem: Problem
    certain: bool


def command_problems(topology: Topology) -> tuple[CommandProblem, ...]:
    """The problems with the commands and folders of a topology's apps and services."""
    mask, file = mask_of(topology), Path(topology.source)
    gate = topology.gate
    elsewhere = topology.attach is not None or (gate is not None and gate.runtime == "docker")
    found: list[CommandProblem] = []
    for app in topology.apps.values():
        certain = not elsewhere and app.container is None
        found += [_made(each, certain, file) for each in _of_app(app, file.parent)]
    for service in topology.services.values():
        certain = not elsewhere and not kind_of(service.kind).image_of(service)
        found += [_made(each, certain, file) for each in _of_service(service, file.parent)]
    return tuple(
        CommandProblem(problem=mask.of(each.problem), certain=each.certain) for each in found
    )


def check_commands(topology: Topology) -> tuple[Problem, ...]:
    """Raise SpecError if a command certainly cannot be executed. Returns the problems with those
    that may run elsewhere.
    """
    found = command_problems(topology)
    if certain := [each.problem for each in found if each.certain]:
        raise SpecError(certain)
    return tuple(each.problem for each in found)


_Found = tuple[Place, Problem]


def _made(found: _Found, certain: bool, file: Path) -> CommandProblem:
    place, problem = found
    where = at(shown(file), (*table_place(file), *place))
    made = Problem(reason=problem.reason, where=where, fix=problem.fix)
    return CommandProblem(problem=made, certain=certain)


def _of_app(app: App, beside: Path) -> Iterator[_Found]:
    place: Place = ("apps", app.name)
    if app.cwd and not os.path.isdir(app.cwd):
        fix = "create it, or correct cwd, which is relative to this file"
        yield (*place, "cwd"), Problem(reason=NO_FOLDER(folder=app.cwd), fix=fix)
        return
    folders = (Path(app.cwd),) if app.cwd else (Path.cwd(), beside)
    yield from _of_command((*place, "command"), app.command, app.env, folders)
    for number, command in enumerate(app.prepare):
        yield from _of_command((*place, "prepare", number), command, app.env, folders)
    for name, command in app.processes.items():
        yield from _of_command((*place, "processes", name), command, app.env, folders)


def _of_service(service: Service, beside: Path) -> Iterator[_Found]:
    # A kind has `variables` if its services may declare a command.
    command = service.settings.get("command")
    if kind_of(service.kind).variables is None or not isinstance(command, list | tuple):
        return
    env = service.settings.get("env")
    place: Place = ("services", service.name, "command")
    yield from _of_command(
        place, command, env if isinstance(env, Mapping) else {}, (Path.cwd(), beside)
    )


def _of_command(
    place: Place, command: Sequence[str], env: Mapping[str, str], folders: Sequence[Path]
) -> Iterator[_Found]:
    """A problem if the first word of a command cannot be executed in any of `folders`. Without
    `cwd` the folder is that of a later test run, so more than one is tried.

    Nothing if a value is needed that is known only in a lab.
    """
    path = env.get("PATH")
    texts = [command[0], *([path] if path is not None else [])]
    if any(name not in _KNOWN for text in texts for name in names_in(text)):
        return
    program, *paths = (fill(text, _KNOWN) for text in texts)
    variables = {**environment(), **({"PATH": paths[0]} if paths else {})}
    errors = [execution_error(program, folder=each, env=variables) for each in folders]
    if None not in errors and errors[0] is not None:
        yield (*place, 0), not_executed((program,), None, errors[0])
