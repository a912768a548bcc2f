"""Which folder `chaoslab init` reads, and which service of its Compose file is the app."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from chaoslab.discover.apps import rivals
from chaoslab.discover.folder import Folder, look_at
from chaoslab.errors import UNKNOWN_NAME, UNREADABLE, ErrorCode, Problem, SpecError, did_you_mean

SEVERAL_APPS = ErrorCode(
    "init.several_apps",
    "Compose has several apps: {apps}",
    "The Compose file has several services that may be the app, and none was named.",
)


def chosen_folder(
    compose: Path | None, app: str, *, command: bool, asks: bool
) -> tuple[Folder, str]:
    """What the working directory shows, or that of the Compose file, if it is not in it; and a note
    on the app, or an empty text. `command` says that the user gave one. Raises SpecError if the
    file or the named service is missing, and if nobody can be asked which of several is the app.
    """
    folder, name = _place_of(compose)
    seen = look_at(folder, compose=name, app=app)
    if app:
        _check_app(seen, app)
        return seen, ""
    others = rivals(seen.app, seen.stack)
    if not others or seen.app is None:
        return seen, ""
    if command:
        return seen, (
            f"Compose has several apps: the variables are those of {seen.app.name}; --app takes "
            f"those of {' or '.join(others)}"
        )
    which = _which_app([seen.app.name, *others], asks=asks)
    return look_at(folder, compose=name, app=which), ""


def _place_of(compose: Path | None) -> tuple[Path, str]:
    """The folder to read, and the path of the Compose file in it."""
    if compose is None:
        return Path(), ""
    if not compose.is_file():
        raise SpecError(Problem(reason=UNREADABLE(cause="no such file"), where=str(compose)))
    path, here = Path(os.path.abspath(compose)), Path.cwd()
    if path.is_relative_to(here):
        return Path(), str(path.relative_to(here))
    return path.parent, path.name


def _check_app(seen: Folder, app: str) -> None:
    if seen.app is not None:
        return
    names = [each.name for each in seen.stack]
    expected = f"one of: {', '.join(names)}" if names else "a service of a Compose file"
    reason, fix = UNKNOWN_NAME(kind="Compose service", name=app), did_you_mean(app, names)
    raise SpecError(
        Problem(reason=reason, where="--app", expected=expected, fix=fix, lines=seen.notes)
    )


def _which_app(names: Sequence[str], *, asks: bool) -> str:
    """The name of the service that is the app. Raises SpecError where nobody can be asked."""
    if asks:
        which: str = click.prompt("Several apps. Which one?", type=click.Choice(names))
        return which
    fix = f"name one: chaoslab init --app {names[0]}"
    raise SpecError(Problem(reason=SEVERAL_APPS(apps=", ".join(names)), fix=fix))
