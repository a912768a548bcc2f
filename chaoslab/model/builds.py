"""Other builds of a topology's apps, as command lines give them: `APP=COMMAND`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.model.mask import Mask
from chaoslab.model.placeholders import known_to_app, placeholder_problems
from chaoslab.model.topology import App, Topology

_WANTED = "APP=COMMAND, as in backend='{python} -m my.backend'"


def with_commands(
    topology: Topology, texts: Sequence[str], *, option: str = "--chaos-command"
) -> Topology:
    """The topology with each `APP=COMMAND` in place of that app's own command.

    COMMAND is split as a shell would and may hold the app's placeholders. Raises SpecError with
    every unknown app, app named twice, command that is empty, or placeholder nobody knows.
    """
    problems: list[Problem] = []
    commands: dict[str, tuple[str, ...]] = {}
    for text in texts:
        app, command, found = _parsed(text, topology, option)
        if app in commands:
            what = f"app '{app}' is given twice"
            found = [*found, Problem(where=option, what=what, expected="one command for each app")]
        commands[app] = command
        problems += found
    if problems:
        raise SpecError(map(_mask(texts).of, problems))
    return replace(topology, apps=_apps(topology, commands)) if commands else topology


def shown(texts: Sequence[str]) -> tuple[str, ...]:
    """Each `APP=COMMAND` without the secrets in it, to be printed or saved."""
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
    """The app, its command, and what is wrong with them."""
    app, equals, line = text.partition("=")
    where = f"{option} {app}" if app else option
    if not equals or not app:
        return app, (), [Problem(where=option, what=f"cannot read {text!r}", expected=_WANTED)]
    if app not in topology.apps:
        known = "one of: " + ", ".join(topology.apps)
        what, fix = f"unknown app '{app}'", did_you_mean(app, topology.apps)
        return app, (), [Problem(where=option, what=what, expected=known, fix=fix)]
    try:
        command = tuple(shlex.split(line))
    except ValueError as error:
        what = f"cannot be split into words: {error}"
        return app, (), [Problem(where=where, what=what, fix="close the quotation")]
    if not command:
        return app, (), [Problem(where=where, what="no command", expected=_WANTED)]
    known_names = known_to_app(topology.apps[app].links)
    return (
        app,
        command,
        [p for word in command for p in placeholder_problems(where, word, known_names)],
    )
