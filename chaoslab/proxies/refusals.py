"""Refuses what a Toxiproxy cannot do, with the reason. Pure."""

from __future__ import annotations

from chaoslab.errors import ErrorCode, FaultUnsupported, Problem
from chaoslab.model.actions import Action, AddToxic, ConnectPhase, at_heal_of

NO_SILENCE = ErrorCode(
    "proxy.no_silence",
    "{server} has no toxic that holds bytes (silence)",
    "The proxy server cannot hold back bytes without ending the connection.",
)
NO_CONNECT_MODES = ErrorCode(
    "proxy.no_connect_modes",
    "{server} has no connect modes: no {mode} connects",
    "The proxy server cannot refuse or drop connects.",
)
NO_INERT = ErrorCode(
    "proxy.no_inert",
    "{server} cannot disable a toxic",
    "The proxy server cannot disable a toxic, so it cannot be used in a self-test.",
)
NO_AT_HEAL = ErrorCode(
    "proxy.no_at_heal",
    "{server} cannot heal with at_heal='{at_heal}': {cause}",
    "The proxy server cannot reset idle connections, or leave connections dead, at a heal.",
)
NO_TRIGGERS = ErrorCode(
    "proxy.no_triggers",
    "{server} cannot act at a link's connection by itself",
    "The proxy server has no triggers: it cannot put a fault in force at a link's n-th connection.",
)
NO_MESSAGES = ErrorCode(
    "proxy.no_messages",
    "{server} does not read the messages of a protocol",
    "The proxy server cannot act at a message, such as a COMMIT.",
)
_USE_EMBEDDED = "use --chaos-proxy=embedded, with --chaos-runtime=local or docker"
_WHY_NOT_AT_HEAL = {
    "reset": "its toxic reset_peer acts when data arrives, so idle connections are not reset",
    "dead": "when one side of a connection ends or a toxic is removed, it closes the other side",
}


def refuse(action: Action, server: str) -> None:
    """Raise FaultUnsupported if a Toxiproxy cannot do `action`; `server` is its name for people."""
    refuse_at_heal(action, server)
    if isinstance(action, AddToxic) and action.type == "silence":
        raise FaultUnsupported(Problem(reason=NO_SILENCE(server=server)))
    if isinstance(action, AddToxic) and action.type == "at_message":
        raise no_messages(server)
    if isinstance(action, ConnectPhase):
        reason = NO_CONNECT_MODES(server=server, mode=action.mode)
        raise FaultUnsupported(Problem(reason=reason))
    if isinstance(action, AddToxic) and action.inert:
        raise FaultUnsupported(Problem(reason=NO_INERT(server=server)))


def refuse_at_heal(action: Action, server: str) -> None:
    """Raise FaultUnsupported if the heal of `action` is to do anything but resume."""
    if (at_heal := at_heal_of(action)) != "resume":
        cause = _WHY_NOT_AT_HEAL[at_heal]
        reason = NO_AT_HEAL(server=server, at_heal=at_heal, cause=cause)
        raise FaultUnsupported(Problem(reason=reason, fix=_USE_EMBEDDED))


def no_triggers(server: str) -> FaultUnsupported:
    """The error to raise if a Toxiproxy is to act at a link's connection by itself."""
    return FaultUnsupported(Problem(reason=NO_TRIGGERS(server=server)))


def no_messages(server: str) -> FaultUnsupported:
    """The error to raise if a proxy server is to read messages and cannot."""
    reason = NO_MESSAGES(server=server)
    return FaultUnsupported(Problem(reason=reason, fix=_USE_EMBEDDED))
