"""The further processes of an app, such as a worker: of a Procfile, or of Compose services that
share the app's build or image. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chaoslab.discover.commands import SERVING, Command
from chaoslab.discover.compose import ComposeService
from chaoslab.discover.folder import Folder
from chaoslab.discover.links import Links
from chaoslab.discover.urls import escaped
from chaoslab.discover.words import assigned, filled_words
from chaoslab.model.placeholders import names_in, parsed
from chaoslab.model.secrets import looks_secret

# A command that ends: it belongs in `prepare`, and a process runs as long as its app.
_ENDS = re.compile(r"migrat|upgrade|seed|setup|init|build|test|lint|console|shell", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9_.,-]{1,60}")
_MOST = 8
# A process, and the variables that it has beside those of the app.
Found = tuple[Command, Mapping[str, str]]


def processes_of(folder: Folder, links: Links) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the name of each further process with its command, in which placeholders are filled.

    A process that would listen on a port of its own is left out: an app has one `{port}`.
    """
    found = [*_of_compose(folder)] or [*_of_procfile(folder)]
    for each, own in found[:_MOST]:
        served = links.filled(own, lambda _, each=each: f"in {each.where}")  # type: ignore[misc]
        plain = {k: escaped(v) for k, v in own.items() if _PLAIN.fullmatch(v)}
        given = {k: v for k, v in {**plain, **served}.items() if not looks_secret(k) or k in served}
        pairs = [f"{name}={value}" for name, value in given.items()]
        words = (*(["env", *pairs] if pairs else ()), *filled_words(each.words, links))
        if "port" not in {parsed(name).plain for word in words for name in names_in(word)}:
            yield each.process, words


def _of_procfile(folder: Folder) -> Iterator[Found]:
    """The processes of the Procfile from which the app's command is, without others that serve."""
    chosen = next(iter(folder.commands), None)
    if chosen is None or not chosen.where.endswith("Procfile"):
        return
    for each in folder.commands:
        other = each.where == chosen.where and each is not chosen
        if other and each.process not in SERVING and not _ENDS.search(each.process):
            own, words = assigned(each.words)
            yield replace(each, words=words), own


def _of_compose(folder: Folder) -> Iterator[Found]:
    """The services that run the app's own build or image with a command of theirs, and publish no
    port.
    """
    app = folder.app
    if app is None:
        return
    for each in folder.stack:
        ends = _ENDS.search(" ".join((each.name, *each.command)))
        if not _same_code(app, each) or not each.command or each.ports or each.profiles or ends:
            continue
        own = {k: v for k, v in each.environment.items() if v and app.environment.get(k) != v}
        words = (*each.entrypoint, *each.command)
        if not each.entrypoint:
            words = folder.dockerfile.words(each.command)
        yield Command(words=words, where=f"Compose, {each.name}", process=each.name), own


def _same_code(app: ComposeService, other: ComposeService) -> bool:
    if app.build:
        return (app.build, app.dockerfile, app.target) == (
            other.build,
            other.dockerfile,
            other.target,
        )
    return bool(app.image) and app.image == other.image
