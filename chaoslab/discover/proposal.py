"""What `init` proposes before anything runs: an app with its command and links, and services."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chaoslab.discover.compose import ComposeService
from chaoslab.discover.folder import ENV_FILES, Folder
from chaoslab.discover.known import by_image
from chaoslab.discover.links import Links, Use
from chaoslab.discover.names import APP_ADDRESSES, APP_HOSTS, APP_PORTS
from chaoslab.discover.processes import processes_of
from chaoslab.discover.server_keys import EXTENSIONS, Keys, ServerKeys, server_keys
from chaoslab.discover.shell import is_shell_line, split
from chaoslab.discover.urls import escaped
from chaoslab.discover.words import assigned, filled_words
from chaoslab.model.loader.rules import is_pinned, is_variable
from chaoslab.model.placeholders import (
    known_to_app,
    names_in,
    parsed,
    placeholder_problems,
    port_names,
)
from chaoslab.model.secrets import looks_secret
from chaoslab.services import kinds

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
# In a variable in front of the command: perhaps a placeholder.
_LIKE_OURS = re.compile(r"\{(?:host|python|port(?::[\w-]+)?|[A-Za-z][\w-]*\.\w+(?::[^{}]+)?)\}")
_MOST_VALUE = 500
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A service that is proposed: its name, its kind, and where that was read. `keys` are more keys
    of its table. `lacking` are extensions that it needs and that this machine's server lacks.
    `env_file` is the file from which the variable with its address is, if it is from such a file.
    """

    name: str
    kind: str
    why: str
    keys: Keys = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    env_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A topology of one app, as far as it can be read without starting anything.

    `command` and `env` have placeholders. `cwd` is the folder in which the command runs, relative
    to the file; empty for the folder of the file. `processes` are those beside it, such as a
    worker. `others` are the folder's commands that were not
    chosen, `prepare` those that the user wants to run before the first boot, `migrations` those
    that usually bring its database up to date. `images` maps a kind to the image that Compose
    names. `notes` are for people.
    """

    name: str
    app: str
    command: tuple[str, ...]
    command_from: str = ""
    cwd: str = ""
    processes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Proposed, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    app_port: int = 0
    health_path: str = ""
    others: tuple[str, ...] = ()
    prepare: tuple[tuple[str, ...], ...] = ()
    migrations: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def with_note(self, note: str) -> Proposal:
        """The proposal with one more note, which comes first."""
        return replace(self, notes=(note, *self.notes))

    def without_extensions(self, lacking: Mapping[str, tuple[str, ...]]) -> Proposal:
        """The proposal without the extensions of the named services, which their servers lack."""
        services = tuple(
            replace(
                each,
                keys={k: v for k, v in each.keys.items() if k != EXTENSIONS},
                lacking=lacking[each.name],
            )
            if each.name in lacking
            else each
            for each in self.services
        )
        return replace(self, services=services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user gave: the command with its variables, commands that prepare the app, and
    services as `name=kind`.
    """

    words: tuple[str, ...] = ()
    prepare: tuple[tuple[str, ...], ...] = ()
    machine: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


def propose(folder: Folder, asked: Asked) -> Proposal:
    """The proposal for a folder and what the user gave. Its command is empty if none was found."""
    given, words = assigned(asked.words)
    written = {name: value for name, value in given.items() if _LIKE_OURS.search(value)}
    given = {name: value for name, value in given.items() if name not in written}
    chosen = next(iter(folder.commands), None)
    if not words and chosen is not None:
        more, words = assigned(chosen.words)
        given = {**more, **given}
    links = Links(hosts=folder.hosts, sql=_sql(folder, asked))
    known = {k: v.value for k, v in folder.variables.items() if k not in written}
    sources = {name: f"in {variable.where}" for name, variable in folder.variables.items()}
    sources |= dict.fromkeys(given, "of the command")
    env = links.filled({**known, **given}, lambda name: sources.get(name, ""))
    env |= _of_machine(
        {k: v for k, v in asked.machine.items() if k not in {**env, **written}}, links
    )
    own = _placeholders_of_user(_services(links.uses, folder, asked), asked)
    command = tuple(map(_writable, filled_words(words, links, own if asked.words else ())))
    found = {} if asked.words else dict(processes_of(folder, links))
    prepare = tuple(tuple(map(_writable, filled_words(p, links, own))) for p in asked.prepare)
    env |= _plain_values(folder, given, env)
    env |= _own_address({**known, **given})
    env |= {name: escaped(value, own) for name, value in written.items()}
    services, left = _with_keys(_services(links.uses, folder, asked), links.uses, folder)
    usable = _usable(services, (*command, *env.values()))
    kept = {k: text for k, text in env.items() if not _wrong(k, text, usable)}
    processes = dict(_fitting(found, usable))
    beside = {key for key in found if _fit(key) in processes}
    return Proposal(
        name=_fit(folder.name) or "system",
        app=_app_name(folder, services),
        command=command,
        command_from="" if asked.words or chosen is None else chosen.where,
        cwd="" if asked.words or chosen is None else _writable(chosen.folder),
        processes=processes,
        env=kept,
        services=tuple(_with_env_files(services, kept, folder, {**given, **written})),
        images=dict(_images(folder, services)),
        app_port=folder.app_port,
        health_path=folder.health_path,
        others=tuple(
            f"{each.where}: {' '.join(each.words)}"
            for each in folder.commands
            if each.words != words and each.process not in beside
        )[:8],
        prepare=prepare,
        migrations=_migrations(words, folder),
        notes=(
            *folder.notes,
            *links.notes,
            *left,
            *_unused(services, (*command, *(w for p in processes.values() for w in p)), kept),
            *_unknown_stack(folder, beside),
            *_not_copied(folder, kept),
        ),
    )


def _usable(services: Iterable[Proposed], texts: Iterable[str]) -> list[str]:
    """The names of the placeholders that the app may use; the named ports are those of `texts`."""
    known_kinds = kinds()
    fields = {each.name: known_kinds[each.kind].fields for each in services}
    return known_to_app(fields, port_names(texts))


def _placeholders_of_user(services: Iterable[Proposed], asked: Asked) -> frozenset[str]:
    """The names of the placeholders in what the user gave; what is read from the folder has none.
    A brace that belongs to no known placeholder is an ordinary one.
    """
    texts = [*asked.words, *(word for words in asked.prepare for word in words)]
    usable = _usable(services, texts)
    names = {name for text in texts for name in names_in(text)}
    return frozenset(
        name for name in names if not any(placeholder_problems("", f"{{{name}}}", usable))
    )


def _with_env_files(
    services: Iterable[Proposed], env: Mapping[str, str], folder: Folder, given: Mapping[str, str]
) -> Iterator[Proposed]:
    """The services, each with the file of variables from which its address is."""
    of: dict[str, str] = {}
    for name, text in env.items():
        variable = None if name in given else folder.variables.get(name)
        if variable is not None and posixpath.basename(variable.where) in ENV_FILES:
            of |= {parsed(each).service: variable.where for each in names_in(text)}
    return (replace(each, env_file=of.get(each.name, "")) for each in services)


def _fitting(
    found: Mapping[str, tuple[str, ...]], usable: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The processes that can stand in the file, by names that a topology allows."""
    for key, words in found.items():
        name, command = _fit(key), tuple(map(_writable, words))
        if name and not any(p for word in command for p in placeholder_problems("", word, usable)):
            yield name, command


def _sql(folder: Folder, asked: Asked) -> str:
    names = {*folder.hosts.values(), *asked.services.values()} & {"postgres", "mysql"}
    return next(iter(names)) if len(names) == 1 else ""


def _of_machine(variables: Mapping[str, str], links: Links) -> dict[str, str]:
    """What the variables of this machine name: the command gets them too, unless a variable of the
    topology replaces them.
    """
    notes = [*links.notes]
    found = links.filled(variables, lambda _: "in the environment")
    links.notes[:] = notes  # most of them belong to other programs
    return found


def _plain_values(
    folder: Folder, given: Mapping[str, str], env: Mapping[str, str]
) -> dict[str, str]:
    """The variables without a server that the app needs all the same: those in front of the
    command, and those that Compose sets. A value of a file with a secret in it is not copied.
    """
    found = {name: escaped(value) for name, value in given.items() if name not in env}
    secrets = [v.value for k, v in folder.variables.items() if looks_secret(k)]
    for name in folder.app.environment if folder.app else ():
        value = folder.variables[name].value
        secret = looks_secret(name) or _has_user(value) or any(_shows(value, s) for s in secrets)
        if name not in env and name not in found and not secret and value:
            found[name] = escaped(value)
    return {k: v for k, v in found.items() if len(v) <= _MOST_VALUE and v.isprintable()}


def _has_user(value: str) -> bool:
    """Whether a value has a URL with a user, and so perhaps a password."""
    return re.search(r"://[^/\s]*@", value) is not None


def _shows(value: str, secret: str) -> bool:
    """Whether a value has a secret in it; shorter texts are found in too many values."""
    return len(secret) >= _SHORTEST_SECRET and secret in value


def _own_address(variables: Mapping[str, str]) -> dict[str, str]:
    found = {"PORT": "{port}"}
    for name, value in variables.items():
        upper = name.upper()
        if upper in APP_PORTS and value.strip().isdecimal():
            found[name] = "{port}"
        elif upper in APP_HOSTS and re.fullmatch(r"localhost|[0-9.]+|::1?", value.strip()):
            found[name] = "{host}"
        elif upper in APP_ADDRESSES and re.fullmatch(r"[^\s/]*:[0-9]+", value.strip()):
            found[name] = "{host}:{port}"
    return found


def _services(uses: Iterable[Use], folder: Folder, asked: Asked) -> Iterator[Proposed]:
    """The services that variables name, then those of Compose that the app depends on, then those
    that the user named.
    """
    seen: dict[str, Proposed] = {
        use.name: Proposed(name=use.name, kind=use.server.kind, why=use.why) for use in uses
    }
    kinds = {each.kind for each in seen.values()}
    needed = folder.app.depends_on if folder.app else ()
    for each in folder.stack:
        server = by_image(each.image)
        if server is not None and server.kind and server.kind not in kinds and each.name in needed:
            why = f"{each.image} in Compose"
            seen.setdefault(server.name, Proposed(name=server.name, kind=server.kind, why=why))
    for name, kind in asked.services.items():
        seen[name] = Proposed(name=name, kind=kind, why="--service")
    yield from seen.values()


def _with_keys(
    services: Iterable[Proposed], uses: Iterable[Use], folder: Folder
) -> tuple[list[Proposed], list[str]]:
    """The services with what Compose says of their servers, and notes on what is left out."""
    hosts = {use.name: use.host for use in uses}
    found, notes = list[Proposed](), list[str]()
    for each in services:
        server = _in_compose(each.kind, hosts.get(each.name, ""), folder)
        declared = server_keys(each.kind, each.name, server) if server else ServerKeys()
        found.append(replace(each, keys=declared.keys))
        notes += declared.notes
    return found, notes


def _in_compose(kind: str, host: str, folder: Folder) -> ComposeService | None:
    """The Compose service that is that server: by its name, or as the only one of its kind."""
    known = ((each, by_image(each.image)) for each in folder.stack)
    same = [each for each, server in known if server is not None and server.kind == kind]
    named = (each for each in same if each.name.lower() == host)
    return next(named, same[0] if len(same) == 1 else None)


def _images(folder: Folder, services: Iterable[Proposed]) -> Iterator[tuple[str, str]]:
    kinds = {each.kind for each in services}
    for each in folder.stack:
        server = by_image(each.image)
        if server is not None and server.kind in kinds and is_pinned(each.image):
            yield server.kind, each.image


def _app_name(folder: Folder, services: Sequence[Proposed]) -> str:
    taken = {each.name for each in services}
    names = (folder.app.name if folder.app else "", folder.name, "app", "backend")
    return next(name for each in names if (name := _fit(each)) and name not in taken)


def _fit(name: str) -> str:
    """The name with the characters that a topology allows; empty if nothing is left."""
    return _UNFIT.sub("-", name)[:60].lstrip("-_0123456789").rstrip("-_")


def _wrong(name: str, text: str, usable: Sequence[str]) -> bool:
    """Whether a variable cannot stand in the file."""
    odd = not is_variable(name) or _writable(name + text) != name + text
    return odd or any(placeholder_problems("", text, usable))


def _writable(text: str) -> str:
    """The text without what a TOML file cannot hold: NUL, and halves of surrogate pairs, as which
    Python reads bytes that are not UTF-8.
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _migrations(words: Sequence[str], folder: Folder) -> tuple[tuple[str, ...], ...]:
    """The commands that bring the database up to date, as words with their braces doubled."""
    found = (tuple(map(escaped, each.words)) for each in folder.migrations)
    return tuple(
        tuple(map(_writable, each)) for each in dict.fromkeys((*_migrates_first(words), *found))
    )


def _migrates_first(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The first part of a shell line such as `migrate && exec serve`."""
    if is_shell_line(words):
        before, both, _ = words[2].partition("&&")
        if both and re.search(r"migrat|\bupgrade\b", before.lower()):
            yield split(escaped(before))


def _unused(
    services: Iterable[Proposed], command: Iterable[str], env: Mapping[str, str]
) -> Iterator[str]:
    """A note for each service whose address the app does not get."""
    used = {parsed(name).service for text in (*command, *env.values()) for name in names_in(text)}
    for each in services:
        if each.name not in used:
            yield (
                f"{each.name}: the app does not get its address. Put a placeholder such as "
                f"{{{each.name}.url}} into env or command, where the app reads it"
            )


def _unknown_stack(folder: Folder, beside: Collection[str]) -> Iterator[str]:
    for each in folder.stack:
        if each.name in beside:
            continue
        server = by_image(each.image)
        if server is None and each.image:
            yield f"Compose: {each.name} ({each.image}): no known server; declare it as kind 'tcp'"
        elif server is None and each.build:
            yield f"Compose: {each.name} is another app; it is not in this file"


def _not_copied(folder: Folder, kept: Mapping[str, str]) -> Iterator[str]:
    """A note with the names of variables that the app may need and that were not copied."""
    left = [n for n, v in folder.variables.items() if n not in kept and v.value][:20]
    them = "them" if len(left) > 1 else "it"
    if left:
        yield (
            f"not copied: {', '.join(left)}. Set {them} in your environment, or in env below, if "
            f"the app does not read {them} itself"
        )
