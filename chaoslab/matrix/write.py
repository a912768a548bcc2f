"""Writes what was accepted of a run into the topology file, and says what it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chaoslab.matrix.accept import Accepted
from chaoslab.model.loader.accepted import with_accepted
from chaoslab.model.loader.migrate import read_text


def write_accepted(path: Path, accepted: Accepted) -> tuple[str, ...]:
    """Write policies and deadlines into the file, and return lines for people: what was accepted,
    and what was not, with the reason.

    Raises SpecError if the file cannot be read, or if writing would change something else in it.
    """
    before = read_text(path)
    after = with_accepted(path, before, accepted.policies, accepted.needs, accepted.deadlines)
    if after != before:
        path.write_bytes(after.encode())
    written = "written into" if after != before else "unchanged:"
    what = (*_policies(accepted), *_needs(accepted), *_refused(accepted), *_undated(accepted))
    return (*what, f"{written} {path}")


def _policies(accepted: Accepted) -> Iterator[str]:
    for app, services in accepted.policies.items():
        for service, moments in services.items():
            for moment, modes in moments.items():
                each = ", ".join(f"{mode} {policy}" for mode, policy in modes.items())
                yield f"accepted: {app}: {service}, {moment}: {each}"


def _needs(accepted: Accepted) -> Iterator[str]:
    for app, services in accepted.needs.items():
        for service, modes in services.items():
            each = ", ".join(f"{mode} {need}" for mode, need in modes.items())
            yield f"accepted: {app} needs {service}: {each}"


def _refused(accepted: Accepted) -> Iterator[str]:
    for cell, why in accepted.refused.items():
        yield f"not accepted: {cell}: {why}"


def _undated(accepted: Accepted) -> Iterator[str]:
    for app, why in accepted.undated.items():
        yield f"no deadlines of {app}: {why}"
