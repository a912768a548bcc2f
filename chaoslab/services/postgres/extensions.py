"""Errors about extensions of PostgreSQL that the topology declares."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, did_you_mean

NO_EXTENSION = ErrorCode(
    "service.no_extension",
    "{server} has no extension '{extension}'",
    "The topology declares an extension that the server does not have.",
)
NOT_CREATED = ErrorCode(
    "service.extension_not_created",
    "{server} cannot create extension '{extension}': {cause}",
    "The server has an extension that the topology declares, but cannot create it in the lab's"
    " database.",
)


def check_extensions(
    wanted: Sequence[str], available: Collection[str], *, server: str, where: str, fix: str
) -> None:
    """Raise RuntimeUnavailable with a problem for each extension of `wanted` that is not
    `available` on `server`. `fix` says how to get one.
    """
    missing = [name for name in wanted if name not in available]
    if missing:
        similar = {name: did_you_mean(name, available) for name in missing}
        raise RuntimeUnavailable(
            Problem(
                reason=NO_EXTENSION(server=server, extension=name),
                where=where,
                fix=f"{similar[name]} If not, {fix}" if similar[name] else fix,
            )
            for name in missing
        )


def not_created(extension: str, *, server: str, where: str, cause: str) -> RuntimeUnavailable:
    """The error to raise if the server refuses to create an extension that it has."""
    reason = NOT_CREATED(server=server, extension=extension, cause=cause)
    return RuntimeUnavailable(
        Problem(reason=reason, where=where, fix=f"remove '{extension}' from extensions")
    )
