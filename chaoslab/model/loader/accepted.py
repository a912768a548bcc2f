"""Writes accepted policies and deadlines into the text of a topology file. Comments and layout
stay.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, cast

import tomlkit

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.model.loader.document import parsed, table_place
from chaoslab.model.policy import OutageMode, Policy, PolicyMoment

# of one app: by service, moment and mode
AppPolicies = Mapping[str, Mapping[PolicyMoment, Mapping[OutageMode, Policy]]]
# the modes that `chaoslab run` tries at each moment
_CUTS: tuple[OutageMode, ...] = ("refused", "dropped", "silent", "silent_dead")
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
    deadlines: Mapping[str, Mapping[str, float]],
) -> str:
    """The text of the file `path` with these policies, by the name of the app, and with these
    deadlines, which replace none that the file declares.

    Raises SpecError if that would change anything else.
    """
    document, place = tomlkit.parse(text), table_place(path)
    wanted = parsed(text.encode(), str(path))
    for root, make in ((document, tomlkit.table), (wanted, dict)):
        apps = _below(root, (*place, "apps"))
        for name, services in policies.items():
            _set_policies(apps[name], services, make)
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
            own[moment] = _value(moment, own.get(moment), modes)


def _value(moment: PolicyMoment, before: object, modes: Mapping[OutageMode, Policy]) -> object:
    """One word if every mode has the same policy, else a table by mode. Modes that the file has and
    `modes` lacks are kept.
    """
    kept: dict[OutageMode, Policy] = {}
    if isinstance(before, str):
        kept = dict.fromkeys(TRIED[moment], cast("Policy", before))
    elif isinstance(before, Mapping):
        kept = dict(before.items())
    both = {**kept, **modes}
    if set(both) >= set(TRIED[moment]) and len(set(both.values())) == 1:
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
