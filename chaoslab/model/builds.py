"""Replaces the commands of a topology's apps by those in command-line options: `APP=COMMAND`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.model.mask import Mask
from chaoslab.model.placeholders import known_to_app, placeholder_problems, port_names
from chaoslab.model.topology import App, Topology

APP_TWICE = ErrorCode(
    "command.app_twice", "app '{app}' is given twice", "Two options name a command for one app."
)
NOT_READABLE = ErrorCode(
    "command.not_readable", "cannot read {text}", "The text of an option is not APP=COMMAND."
)
NOT_SPLIT = ErrorCode(
    "command.not_split",
    "cannot be split into words: {cause}",
    "The command cannot be split into words, for example because a quotation is not closed.",
)
EMPTY = ErrorCode("command.empty", "no command", "An option names an app, but gives no command.")
_WANTED = "APP=COMMAND, as in backend='{python} -m my.backend'"


def with_commands(
    topology: Topology, texts: Sequence[str], *, option: str = "--chaos-command"
) -> Topology:
    """The topology, with the command of each app that `texts` names replaced. Each text is
    `APP=COMMAND`.

    COMMAND is split as by a shell and may have the app's placeholders. `option` is the name of the
    command-line option, for the problems. Raises SpecError with every unknown app, app that is
    given twice, empty command and unknown placeholder.
    """
    problems: list[Problem] = []
    commands: dict[str, tuple[str, ...]] = {}
    for text in texts:
        app, command, found = _parsed(text, topology, option)
        if app in commands:
            expected = "one command for each app"
            found.append(Problem(reason=APP_TWICE(app=app), where=option, expected=expected))
        commands[app] = command
        problems += found
    if problems:
        raise SpecError(map(_mask(texts).of, problems))
    return replace(topology, apps=_apps(topology, commands)) if commands else topology


def shown(texts: Sequence[str]) -> tuple[str, ...]:
    """Each `APP=COMMAND` with its secrets masked, for printing or saving."""
    return tuple(_shown(text) for text in texts)


def _shown(text: str) -> str:
    app, equals, line = text.partition("=")
    words = _words(line)
    masked = _mask((text,)).command(words)
    return text if masked == words else f"{app}{equals}{shlex.join(masked)}"


def _mask(texts: Sequence[str]) -> Mask:
    mask = Mask()
    for text in texts:
        mask.learn_boot(_words(text.partition("=")[2]), {})
    return mask


def _words(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return tuple(line.split())


def _apps(topology: Topology, commands: Mapping[str, tuple[str, ...]]) -> dict[str, App]:
    return {
        name: replace(app, command=commands.get(name, app.command))
        for name, app in topology.apps.items()
    }


def _parsed(
    text: str, topology: Topology, option: str
) -> tuple[str, tuple[str, ...], list[Problem]]:
    """The app's name, the words of its command, and the problems found in `text`, an
    `APP=COMMAND`.
    """
    app, equals, line = text.partition("=")
    where = f"{option} {app}" if app else option
    if not equals or not app:
        reason = NOT_READABLE(text=repr(text))
        return app, (), [Problem(reason=reason, where=option, expected=_WANTED)]
    if app not in topology.apps:
        known = "one of: " + ", ".join(topology.apps)
        reason, fix = UNKNOWN_NAME(kind="app", name=app), did_you_mean(app, topology.apps)
        return app, (), [Problem(reason=reason, where=option, expected=known, fix=fix)]
    try:
        command = tuple(shlex.split(line))
    except ValueError as error:
        reason = NOT_SPLIT(cause=str(error))
        return app, (), [Problem(reason=reason, where=where, fix="close the quotation")]
    if not command:
        return app, (), [Problem(reason=EMPTY(), where=where, expected=_WANTED)]
    links, named = topology.fields_of_links(topology.apps[app]), topology.apps[app].port_names
    known_names = known_to_app(links, (*named, *port_names(command)))
    return (
        app,
        command,
        [p for word in command for p in placeholder_problems(where, word, known_names)],
    )
