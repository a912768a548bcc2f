"""Packet rules for one link's port: iptables-restore texts, and how to read counters. Pure.

A link has five chains of its own. IN and OUT are hooked from INPUT and OUTPUT; both go through one
GATE, which is empty, or jumps to DROP: so one atomic change drops both directions and resets no
counter. Canaries go through CANARY, before anything is counted.
Source: iptables(8), iptables-extensions(8), iptables-restore(8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chaoslab.agent.canary_ports import FIRST_PORT, LAST_PORT

_PREFIX = "CHAOSLAB"
_CHAINS = ("IN", "OUT", "GATE", "DROP", "CANARY")
_CANARIES = f"{FIRST_PORT}:{LAST_PORT}"
_TCP = "-p tcp -m tcp"
_SYN = f"{_TCP} --tcp-flags FIN,SYN,RST,ACK SYN"
_RST = f"{_TCP} --tcp-flags RST RST"
# A rule without a target only counts. The places of rules in their chain are read by `counters`.
_IN = (f"{_TCP} --sport {_CANARIES} -g {{CANARY}}", _SYN, "-j {GATE}", _TCP)
_OUT = (f"{_TCP} --dport {_CANARIES} -g {{CANARY}}", "-j {GATE}", _RST, _TCP)
_DROP = (f"{_SYN} -j DROP", "-j DROP")
_SAVED = re.compile(r"\[(\d+):(\d+)\] -A (\S+) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the rules of one port have counted since they were made, without canaries.

    `syns` are those that arrived, dropped ones included; a kernel that repeats a SYN counts again.
    `packets_dropped` are the others that were dropped, of both directions. Bytes are those that
    passed, headers of IP and TCP included: to the port (up) and from it (down). `resets` are those
    from the port that passed; the answer to a SYN at a closed port is one.
    """

    syns: int = 0
    syns_dropped: int = 0
    packets_dropped: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    resets: int = 0


def installed(port: int) -> str:
    """Rules that count and let everything pass, for a port that has none."""
    names = _names(port)
    lines = [f":{chain} - [0:0]" for chain in names.values()]
    for role, rules in (("IN", _IN), ("OUT", _OUT), ("DROP", _DROP)):
        lines += [f"-A {names[role]} {rule.format(**names)}" for rule in rules]
    # At the top, so that no other rule accepts a packet before.
    lines += [f"-I {hook}" for hook in _hooks(port)]
    return _restore(lines)


def switched(port: int, *, dropping: bool) -> str:
    """The change after which everything at the port is dropped, or passes; counters stay."""
    names = _names(port)
    lines = [f"-F {names['GATE']}", f"-F {names['CANARY']}"]
    if dropping:
        lines += [f"-A {names['GATE']} -j {names['DROP']}", f"-A {names['CANARY']} -j DROP"]
    return _restore(lines)


def removed(port: int) -> str:
    """The change that removes all rules of the port."""
    names = _names(port)
    return _restore(
        [f"-D {hook}" for hook in _hooks(port)]
        + [f"-F {chain}" for chain in names.values()]
        + [f"-X {chain}" for chain in names.values()]
    )


def trial() -> tuple[str, str]:
    """Two changes, of which the second undoes the first; they affect no packet."""
    chain = f"{_PREFIX}-TRIAL"
    return (
        _restore([f":{chain} - [0:0]", f"-A {chain} {_SYN} -j DROP"]),
        _restore([f"-F {chain}", f"-X {chain}"]),
    )


def counters(saved: str, port: int) -> Counters | None:
    """Counters of the port from `iptables-save -c`; None where it has no rules."""
    names, counted = _names(port), _counted(saved)
    if names["IN"] not in counted:
        return None
    into, out, drop = (counted[names[role]] for role in ("IN", "OUT", "DROP"))
    return Counters(
        syns=into[1][0],
        syns_dropped=drop[0][0],
        packets_dropped=drop[1][0],
        bytes_up=into[3][1],
        bytes_down=out[3][1],
        resets=out[2][0],
    )


def _counted(saved: str) -> dict[str, list[tuple[int, int]]]:
    """(packets, bytes) of every rule of every chain, in order."""
    found: dict[str, list[tuple[int, int]]] = {}
    for line in saved.splitlines():
        if rule := _SAVED.match(line):
            found.setdefault(rule[3], []).append((int(rule[1]), int(rule[2])))
    return found


def _names(port: int) -> dict[str, str]:
    return {role: f"{_PREFIX}-{port}-{role}" for role in _CHAINS}


def _hooks(port: int) -> tuple[str, str]:
    names = _names(port)
    return (
        f"INPUT {_TCP} --dport {port} -j {names['IN']}",
        f"OUTPUT {_TCP} --sport {port} -j {names['OUT']}",
    )


def _restore(lines: list[str]) -> str:
    return "\n".join(("*filter", *lines, "COMMIT", ""))
