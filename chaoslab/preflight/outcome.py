"""How far one gets on a path, where it ended, what that means, and what fixes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.services.path import Outcome, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One try of one path: the address, where it was read, each step's seconds, and the end.

    `step` is the last one that was begun; `words` are what the other side said, if anything.
    """

    link: str
    address: str
    source: str
    outcome: Outcome
    step: Step
    took_s: Mapping[Step, float]
    words: str = ""


# What each end means, and the fix.
MEANING: Mapping[Outcome, tuple[str, str]] = {
    "undeclared": (
        "no variable holds this link's address, so it was not tried",
        "add it to [deployment.paths]",
    ),
    "no address": (
        "there is no address to try",
        "give the variable with --env-file, or in the environment",
    ),
    "unknown name": (
        "the name server says that there is no such name",
        "look for a typing mistake, and for the private DNS zone that this network asks",
    ),
    "unresolved": (
        "no name server gave an answer, so it cannot be told whether the name exists",
        "look at the resolver of this machine and at the path to it",
    ),
    "refused": (
        "the machine answers, and nothing listens on that port (or something on the way rejects)",
        "look whether the server runs, on which port and address it listens",
    ),
    "dropped": (
        "packets vanish: no answer to the connect",
        "look at the VPC connector, the firewall, the security group, the route",
    ),
    "unreachable": (
        "this machine has no way to that address",
        "look at the route, the VPC connector and the interface of this machine",
    ),
    "silent": (
        "it connects, and then nobody answers",
        "look at a proxy, a tunnel or a load balancer whose far end is dead, or a hung server",
    ),
    "closed": (
        "it connects, and the other side hangs up",
        "look at a proxy without its server, a limit of connections, or a server that wants TLS",
    ),
    "other protocol": (
        "something else answers there",
        "look at the port, and at what stands in front of the server",
    ),
    "TLS asked": (
        "the two sides do not agree on TLS",
        "look at sslmode of the URL (or rediss://), the certificate and its name",
    ),
    "wrong credentials": (
        "the server does not let this user in",
        "look at the user, the secret's version, and who may come in from this address",
    ),
    "missing database": (
        "the server lets the user in, and has no such database",
        "look at the database's name in the URL, and whether it was created",
    ),
    "full": (
        "the server has no connection left",
        "look at who holds them, and at the pool sizes times the instances",
    ),
    "not ready": (
        "the server is starting, stopping or loading",
        "wait, and try again; look at its log if it stays so",
    ),
    "failed": ("the server says no", "what it said stands beside"),
    "answered": ("a query was answered", ""),
}
