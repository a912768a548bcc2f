"""The cells of a topology, and the choice among them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.model.cell import ON_LINKS, ON_SERVICES, Cell
from chaoslab.model.topology import Topology

NO_CELL = ErrorCode(
    "matrix.no_cell",
    "no cell has one of these names and one of these faults",
    "--only and --fault together choose no cell, so nothing would be run.",
)


def cells(topology: Topology) -> tuple[Cell, ...]:
    """All cells: for each app the steady state, then for each of its links the faults at boot,
    those while it runs, and a stop during an outage.
    """
    several = len(topology.apps) > 1
    return tuple(
        cell
        for app in topology.apps.values()
        for cell in (Cell(app=app.name, qualified=several), *_of_app(app.name, app.links, several))
    )


def chosen(
    every: Sequence[Cell],
    names: Sequence[str] = (),
    faults: Sequence[str] = (),
    *,
    option: str = "--only",
) -> tuple[Cell, ...]:
    """The cells with these names and these faults, in their order. Empty means all. The steady
    state of each of their apps is always among them: the others are compared with it.

    Raises SpecError with every name that no cell has, or if none is chosen; `option` is where the
    names were given.
    """
    known = [cell.name for cell in every]
    wrong = [
        Problem(
            reason=UNKNOWN_NAME(kind="cell", name=name),
            where=option,
            expected="one of: " + ", ".join(known),
            fix=did_you_mean(name, known) or "`chaoslab run --list` prints all cells",
        )
        for name in names
        if name not in known
    ]
    if wrong:
        raise SpecError(wrong)
    wanted = [
        cell
        for cell in every
        if (not names or cell.name in names) and (not faults or cell.fault in faults)
    ]
    if not wanted:
        fix = "leave out one of --only and --fault"
        raise SpecError(Problem(reason=NO_CELL(), where=f"{option}, --fault", fix=fix))
    apps = {cell.app for cell in wanted}
    return tuple(cell for cell in every if cell in wanted or (cell.steady and cell.app in apps))


def _of_app(app: str, links: Sequence[str], several: bool) -> Iterator[Cell]:
    for target in links:
        own = {"app": app, "target": target}
        for fault in ON_LINKS:
            yield Cell(**own, fault=fault, moment="boot", qualified=several)
        for fault in (*ON_LINKS, *ON_SERVICES):
            yield Cell(**own, fault=fault, moment="running", qualified=several)
        yield Cell(**own, fault="silent", moment="sigterm", qualified=several)
