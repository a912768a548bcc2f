"""The result of one checked path, what each outcome means, and its fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.services.path import Outcome, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPath:
    """The result of one path. `source` says where the address was found.

    `step` is the last step that was begun, and `took_s` maps each step to its seconds. `words` is
    the text of the server, or a note of the lab, if any.
    """

    link: str
    address: str
    source: str
    outcome: Outcome
    step: Step
    took_s: Mapping[Step, float]
    words: str = ""


# The meaning and the fix of each outcome.
MEANING: Mapping[Outcome, tuple[str, str]] = {
    "undeclared": (
        "no variable for this link's address is declared; no connection was attempted",
        "add the variable to [deployment.paths]",
    ),
    "no address": (
        "the variable has no address",
        "set the variable with --env-file, or in the environment",
    ),
    "unknown name": (
        "the name server says that there is no such name",
        "check the spelling, and the private DNS zone of this network",
    ),
    "unresolved": (
        "no name server answered; whether the name exists is unknown",
        "check the resolver of this machine and the network path to it",
    ),
    "refused": (
        "the machine rejects the connect: nothing listens on that port, or a firewall rejects it",
        "check that the server runs, and on which address and port it listens",
    ),
    "dropped": (
        "no answer to the connect: packets are dropped",
        "check the VPC connector, the firewall, the security group and the route",
    ),
    "unreachable": (
        "this machine has no route to that address",
        "check the route, the VPC connector and the interface of this machine",
    ),
    "silent": (
        "the connect succeeds, but no answer follows",
        "check for a proxy, tunnel or load balancer that lost its server, or a hung server",
    ),
    "closed": (
        "the connect succeeds, but the other side closes the connection",
        "check for a proxy without its server, a connection limit, or a server that requires TLS",
    ),
    "other protocol": (
        "the answer is of another protocol",
        "check the port, and any proxy in front of the server",
    ),
    "TLS asked": (
        "the two sides do not agree on TLS",
        "check sslmode in the URL (or rediss://), the certificate and its name",
    ),
    "wrong credentials": (
        "the server rejects this user",
        "check the user, the secret's version, and the access rules for this address",
    ),
    "missing database": (
        "the server accepts the user, but has no such database",
        "check the database name in the URL, and that the database was created",
    ),
    "full": (
        "the server has no connection left",
        "check which clients hold connections, and pool size times instances",
    ),
    "not ready": (
        "the server is starting, stopping or loading",
        "wait and try again; if it does not change, read the server's log",
    ),
    "failed": ("the server answers with an error", "read its answer above"),
    "answered": ("a query was answered", ""),
}
