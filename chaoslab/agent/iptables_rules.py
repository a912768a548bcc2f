"""Packet rules for the port of a link: makes texts for iptables-restore, and reads the counters.

A port has six chains of its own. INPUT and OUTPUT jump to IN and OUT, and both jump to DEAD and to
GATE. GATE is empty, or jumps to DROP: so one atomic change drops both directions and resets no
counter. DEAD is empty, or drops the packets of dead connections, by their clients' ports. Packets
of canaries go to CANARY before they are counted. Source: iptables(8), iptables-extensions(8),
iptables-restore(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chaoslab.agent.canary_ports import FIRST_PORT, LAST_PORT

_PREFIX = "CHAOSLAB"
_CHAINS = ("IN", "OUT", "DEAD", "GATE", "DROP", "CANARY")
_CANARIES = f"{FIRST_PORT}:{LAST_PORT}"
_TCP = "-p tcp -m tcp"
_SYN = f"{_TCP} --tcp-flags FIN,SYN,RST,ACK SYN"
_RST = f"{_TCP} --tcp-flags RST RST"
# A rule without a target only counts. `counters` reads the rules by their places in the chain.
_IN = (f"{_TCP} --sport {_CANARIES} -g {{CANARY}}", _SYN, "-j {DEAD}", "-j {GATE}", _TCP)
_OUT = (f"{_TCP} --dport {_CANARIES} -g {{CANARY}}", "-j {DEAD}", "-j {GATE}", _RST, _TCP)
_DROP = (f"{_SYN} -j DROP", "-j DROP")
_SAVED = re.compile(r"\[(\d+):(\d+)\] -A (\S+) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the rules of one port have counted since the rules were made, without canaries.

    `syns` are all SYNs that arrived, dropped ones included; each retry counts. `packets_dropped`
    are all other dropped packets, of both directions. Bytes are those that passed, with IP and TCP
    headers: to the port (up) and from it (down). `resets` are RSTs from the port that passed; the
    answer of a closed port to a SYN is one.
    """

    syns: int = 0
    syns_dropped: int = 0
    packets_dropped: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    resets: int = 0


def installed(port: int, address: str = "") -> str:
    """The input text of iptables-restore that adds the rules of a port, at one address or at all.

    These rules count packets, and drop none.
    """
    names = _names(port)
    lines = [f":{chain} - [0:0]" for chain in names.values()]
    for role, rules in (("IN", _IN), ("OUT", _OUT), ("DROP", _DROP)):
        lines += [f"-A {names[role]} {rule.format(**names)}" for rule in rules]
    # Inserted at the top, so that no other rule accepts a packet first.
    lines += [f"-I {hook}" for hook in _hooks(port, address)]
    return _restore(lines)


def switched(port: int, *, dropping: bool) -> str:
    """The input text of iptables-restore that makes the rules of a port drop all packets, or none.

    The counters keep their values.
    """
    names = _names(port)
    lines = [f"-F {names['GATE']}", f"-F {names['CANARY']}"]
    if dropping:
        lines += [f"-A {names['GATE']} -j {names['DROP']}", f"-A {names['CANARY']} -j DROP"]
    return _restore(lines)


def left_dead(port: int, clients: Iterable[int], mark: int) -> str:
    """The input text of iptables-restore that drops all packets of the connections from the local
    ports `clients` to the port, in place of those that were dropped so far.

    A client's port may be used again: a SYN marks its new connection with `mark`, and marked
    connections pass. `mark` must be new at each call.
    """
    chain, passes = _names(port)["DEAD"], f"-m connmark --mark {mark} -j RETURN"
    lines = [f"-F {chain}"]
    for client in clients:
        up, down = f"--sport {client} --dport {port}", f"--sport {port} --dport {client}"
        lines += [
            f"-A {chain} {_SYN} {up} -j CONNMARK --set-mark {mark}",
            f"-A {chain} {_TCP} {up} {passes}",
            f"-A {chain} {_TCP} {up} -j DROP",
            f"-A {chain} {_TCP} {down} {passes}",
            f"-A {chain} {_TCP} {down} -j DROP",
        ]
    return _restore(lines)


def removed(port: int, address: str = "") -> str:
    """The input text of iptables-restore that removes all rules of the port at that address."""
    names = _names(port)
    return _restore(
        [f"-D {hook}" for hook in _hooks(port, address)]
        + [f"-F {chain}" for chain in names.values()]
        + [f"-X {chain}" for chain in names.values()]
    )


def trial() -> tuple[str, str]:
    """Two input texts of iptables-restore: the second undoes the first. They affect no packet."""
    chain = f"{_PREFIX}-TRIAL"
    return (
        _restore([f":{chain} - [0:0]", f"-A {chain} {_SYN} -j DROP"]),
        _restore([f"-F {chain}", f"-X {chain}"]),
    )


def dead_trial() -> tuple[str, str]:
    """As `trial`, for the kernel's parts that the rules of dead connections need."""
    chain = f"{_PREFIX}-TRIAL"
    rules = ("-j CONNMARK --set-mark 1", "-m connmark --mark 1 -j RETURN")
    return (
        _restore([f":{chain} - [0:0]", *(f"-A {chain} {_SYN} {rule}" for rule in rules)]),
        _restore([f"-F {chain}", f"-X {chain}"]),
    )


def counters(saved: str, port: int) -> Counters | None:
    """The counters of the port, from the output of `iptables-save -c`; None if it has no rules."""
    names, counted = _names(port), _counted(saved)
    if names["IN"] not in counted:
        return None
    into, out, drop = (counted[names[role]] for role in ("IN", "OUT", "DROP"))
    return Counters(
        syns=into[1][0],
        syns_dropped=drop[0][0],
        packets_dropped=drop[1][0],
        bytes_up=into[4][1],
        bytes_down=out[4][1],
        resets=out[3][0],
    )


def _counted(saved: str) -> dict[str, list[tuple[int, int]]]:
    """Maps the name of each chain to the (packets, bytes) of its rules, in order."""
    found: dict[str, list[tuple[int, int]]] = {}
    for line in saved.splitlines():
        if rule := _SAVED.match(line):
            found.setdefault(rule[3], []).append((int(rule[1]), int(rule[2])))
    return found


def _names(port: int) -> dict[str, str]:
    return {role: f"{_PREFIX}-{port}-{role}" for role in _CHAINS}


def _hooks(port: int, address: str) -> tuple[str, str]:
    names = _names(port)
    to, by = (f"-d {address} ", f"-s {address} ") if address else ("", "")
    return (
        f"INPUT {to}{_TCP} --dport {port} -j {names['IN']}",
        f"OUTPUT {by}{_TCP} --sport {port} -j {names['OUT']}",
    )


def _restore(lines: list[str]) -> str:
    return "\n".join(("*filter", *lines, "COMMIT", ""))
