"""Faults as packet rules of the kernel, on one port of 127.0.0.1, in our own network namespace.

All packets of the loopback device pass the chain INPUT, those to the server and those from it. So a
rule for each direction there is enough.
"""

from __future__ import annotations

import re
import socket
import subprocess

# A packet with at least four bytes of payload: past the IP header, then past the TCP header.
PAYLOAD = ("-m", "u32", "--u32", "0>>22&0x3C@12>>26&0x3C@0>>0=0:0xFFFFFFFF")
SYN = ("--tcp-flags", "SYN,ACK", "SYN")
RESET = ("REJECT", "--reject-with", "tcp-reset")
# With payload dropped, the kernel sends it again, at longer and longer intervals. One second at
# most lets it arrive soon after the heal, as if the path had held it. The counts are raised so that
# the kernel gives up no sooner than with its own intervals.
RESEND_SOON = ("tcp_rto_max_ms=1000", "tcp_retries2=200", "tcp_syn_retries=60")


def refuse_to_run_beside_others() -> None:
    """End the program if the namespace has a device besides loopback: its rules are not ours."""
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        raise SystemExit("run it in a network namespace of its own: unshare --net -- python …")
    _run("ip", "link", "set", "lo", "up")


def prepare(fault: str) -> None:
    """Set what the fault needs before any connection is made: a socket takes it when it is made."""
    if fault in ("silent", "silent_dead"):
        for setting in RESEND_SOON:
            _run("sysctl", "-qw", f"net.ipv4.{setting}")


def inject(fault: str, port: int) -> None:
    """Put the fault in force for the server at this port."""
    if fault in ("silent", "silent_dead"):
        _both_ways(port, (*PAYLOAD, "-j", "DROP"))
    elif fault == "dropped":
        _both_ways(port, ("-j", "DROP"))
    elif fault == "refused":
        # First no new connection, then a reset from the server's side for those that are open.
        _rule("-A", "--dport", str(port), *SYN, "-j", *RESET)
        _run("ss", "-HK", "state", "established", f"( sport = :{port} )")
    else:
        raise ValueError(fault)


def heal(fault: str, port: int) -> None:
    """End the fault. After `silent_dead` the connections that are open now stay without packets."""
    if fault == "silent_dead":
        for client in clients(port):
            for way in (("--sport", client, "--dport", port), ("--dport", client, "--sport", port)):
                _rule("-I", *map(str, way), "-j", "DROP")
    listed = _run("iptables", "-S", "INPUT").splitlines()
    rules = [line for line in listed if line.startswith("-A")]
    kept = [line for line in rules if "--sport" in line and "--dport" in line]
    for number in sorted(
        (rules.index(line) + 1 for line in rules if line not in kept), reverse=True
    ):
        _run("iptables", "-D", "INPUT", str(number))


def counted() -> int:
    """How many packets the rules have dropped or refused."""
    lines = _run("iptables", "-nvxL", "INPUT").splitlines()[2:]
    return sum(int(line.split()[0]) for line in lines if line.strip())


def clients(port: int) -> list[int]:
    """The ports of the connections to the server that are open on the client's side."""
    found = _run("ss", "-Htn", "state", "connected", f"( dport = :{port} )")
    return sorted(int(re.findall(r":(\d+)", line)[0]) for line in found.splitlines())


def listens(port: int) -> bool:
    """Whether anything listens at this port, without a connection to it."""
    return bool(_run("ss", "-Htln", f"( sport = :{port} )").strip())


def _both_ways(port: int, what: tuple[str, ...]) -> None:
    for side in ("--dport", "--sport"):
        _rule("-A", side, str(port), *what)


def _rule(how: str, *words: str) -> None:
    _run("iptables", how, "INPUT", "-p", "tcp", *words)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
