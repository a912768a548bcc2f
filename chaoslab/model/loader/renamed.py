"""Names that older topology files use. They are understood for one release, with a warning.

`version` in a file is the version of its names. `chaoslab migrate` writes the present names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

Place = tuple[str | int, ...]
Table = Mapping[str, object]

VERSION = 1
# Since version 1 a verdict has the name of its expectation.
VERDICTS = {
    "boot": "starts",
    "fails fast": "fails_fast",
    "restarts": "no_restarts",
    "degraded": "degrades",
    "available": "stays_available",
    "live": "stays_live",
    "prober": "answers_in_time",
    "ready": "ready_when_serving",
    "recovery": "recovers",
    "kept": "keeps_acknowledged",
    "refusal": "refuses_honestly",
    "first request": "first_request_served",
    "connections": "releases_connections",
    "retries": "backs_off",
    "latency": "regains_latency",
}
RUNTIMES = {"embedded": "local"}  # of the gate; `embedded` is a proxy
# Renamed values, by the place of their key. `*` is any key of a table, or any entry of a list.
VALUES: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("gate", "runtime"): RUNTIMES,
    ("gate", "p1", "*"): VERDICTS,
}


# The table `[apps.<name>.writes]` is the request of this name since version 1, with these keys.
WRITE = "write"
WRITE_KEYS = {"create_path": "path", "create_body": "body"}
FOUND_KEYS = {
    "service": "service",
    "table": "table",
    "id_column": "column",
    "delivery": "delivery",
    "kept_within_s": "within_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A value of a file that uses an old name, with its place and the new name."""

    place: Place
    old: str
    new: str

    def __str__(self) -> str:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.place)
        return f"{where.removeprefix('.')}: '{self.old}' is '{self.new}' now"

    def write(self, table: MutableMapping[str, Any]) -> None:
        """Change the topology's table itself."""
        parent: Any = table
        for part in self.place[:-1]:
            parent = parent[part]
        parent[self.place[-1]] = self.new


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The table `writes` of an app, which is one of its requests now."""

    app: str

    def __str__(self) -> str:
        return f"apps.{self.app}.writes is apps.{self.app}.requests.{WRITE} now"

    def write(self, table: MutableMapping[str, Any]) -> None:
        """Change the topology's table itself."""
        app = table["apps"][self.app]
        app.setdefault("requests", {})[WRITE] = request_of(app.pop("writes"))


Change = Renamed | Moved


def request_of(writes: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the request that a table `writes` describes. Keys that it did not have stay, so
    that they are reported.
    """
    known = {**WRITE_KEYS, **FOUND_KEYS}
    return {
        "kind": "write",
        **{new: writes[old] for old, new in WRITE_KEYS.items() if old in writes},
        "found": {new: writes[old] for old, new in FOUND_KEYS.items() if old in writes},
        **{key: value for key, value in writes.items() if key not in known},
    }


def changes_in(table: Table) -> tuple[Change, ...]:
    """Every part of a topology's table that uses an old name."""
    return (*_renamed(table), *_moved(table))


def _moved(table: Table) -> Iterator[Moved]:
    apps = table.get("apps")
    for name, app in apps.items() if isinstance(apps, Mapping) else ():
        if not isinstance(app, Mapping) or not isinstance(app.get("writes"), Mapping):
            continue
        requests = app.get("requests", {})
        if isinstance(requests, Mapping) and WRITE not in requests:
            yield Moved(app=str(name))


def _renamed(table: Table) -> tuple[Renamed, ...]:
    return tuple(
        Renamed(place=place, old=value, new=names[value])
        for pattern, names in VALUES.items()
        for place, value in _values(table, pattern)
        if isinstance(value, str) and value in names
    )


def with_new_names(table: Table, changes: tuple[Change, ...]) -> Table:
    """A copy of the table with the new names of `changes`. The table itself if there are no
    changes.
    """
    if not changes:
        return table
    copy = deepcopy(dict(table))
    for change in changes:
        change.write(copy)
    return copy


def outdated(table: Table, file: str) -> str:
    """The warning about old names and a missing version in a topology's table, with the fix. Empty
    if the table has neither.
    """
    found = ["it has no version"] if "version" not in table else []
    found += map(str, changes_in(table))
    if not found:
        return ""
    old = "; ".join(found)
    return f"{file} is written for an older chaoslab: {old}; run `chaoslab migrate {file}`"


def _values(
    value: object, pattern: tuple[str, ...], at: Place = ()
) -> Iterator[tuple[Place, object]]:
    if not pattern:
        yield at, value
        return
    first, *rest = pattern
    if isinstance(value, MutableSequence) and first == "*":
        for index, each in enumerate(cast("MutableSequence[object]", value)):
            yield from _values(each, tuple(rest), (*at, index))
    elif isinstance(value, Mapping):
        for name in value if first == "*" else (first,):
            if name in value:
                yield from _values(value[name], tuple(rest), (*at, name))
