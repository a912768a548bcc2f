"""Writes accepted policies, needs and deadlines into the text of a topology file. Comments and
layout stay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any, get_args

import tomlkit

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.model.loader.document import parsed, table_place
from chaoslab.model.policy import CutMode, Need, OutageMode, Policy, PolicyMoment

# of one app: by service, moment and mode
AppPolicies = Mapping[str, Mapping[PolicyMoment, Mapping[OutageMode, Policy]]]
# of one app: by service and mode
AppNeeds = Mapping[str, Mapping[CutMode, Need]]
# the modes that `chaoslab run` tries at each moment
_CUTS: tuple[CutMode, ...] = get_args(CutMode)
TRIED: Mapping[PolicyMoment, tuple[OutageMode, ...]] = {
    "boot": _CUTS,
    "running": (*_CUTS, "stopped"),
}
NOT_WRITTEN = ErrorCode(
    "topology.not_accepted",
    "the accepted policies cannot be written",
    "Writing policies into the topology file would change something else in it.",
)


def with_accepted(
    path: Path,
    text: str,
    policies: Mapping[str, AppPolicies],
    needs: Mapping[str, AppNeeds],
    deadlines: Mapping[str, Mapping[str, float]],
) -> str:
    """The text of the file `path` with these policies and needs, by the name of the app, and with
    these deadlines, which replace none that the file declares.

    Raises SpecError if that would change anything else.
    """
    document, place = tomlkit.parse(text), table_place(path)
    wanted = parsed(text.encode(), str(path))
    for root, make in ((document, tomlkit.table), (wanted, dict)):
        apps = _below(root, (*place, "apps"))
        for name, services in policies.items():
            _set_policies(apps[name], services, make)
        for name, mine in needs.items():
            table = _made(apps[name], "needs", make)
            for service, by_mode in mine.items():
                table[service] = _value(_CUTS, table.get(service), by_mode)
        for name, seconds in deadlines.items():
            table = _made(apps[name], "deadlines", make)
            for key, value in seconds.items():
                table.setdefault(key, value)
    after = tomlkit.dumps(document)
    if parsed(after.encode(), str(path)) != wanted:
        fix = "write them by hand: docs/topology.md has [apps.<name>.policies.<service>]"
        raise SpecError([Problem(reason=NOT_WRITTEN(), where=str(path), fix=fix)])
    return after


def _set_policies(app: MutableMapping[str, Any], services: AppPolicies, make: Any) -> None:
    table = _made(app, "policies", make)
    for service, moments in services.items():
        own = _made(table, service, make)
        for moment, modes in moments.items():
            own[moment] = _value(TRIED[moment], own.get(moment), modes)


def _value(tried: Collection[str], before: object, words: Mapping[Any, str]) -> object:
    """One word if each mode of `tried` has the same, else a table by mode. Modes that the file has
    and `words` lacks are kept.
    """
    kept: dict[str, str] = {}
    if isinstance(before, str):
        kept = dict.fromkeys(tried, before)
    elif isinstance(before, Mapping):
        kept = dict(before.items())
    both = {**kept, **words}
    if set(both) >= set(tried) and len(set(both.values())) == 1:
        return next(iter(both.values()))
    inline = tomlkit.inline_table()
    inline.update(both)
    return inline


def _made(table: MutableMapping[str, Any], name: str, make: Any) -> MutableMapping[str, Any]:
    """The table `name` in `table`; a new one if there is none."""
    if name not in table:
        table[name] = make()
    found: MutableMapping[str, Any] = table[name]
    return found


def _below(root: MutableMapping[str, Any], place: tuple[str, ...]) -> MutableMapping[str, Any]:
    for name in place:
        root = root[name]
    return root
