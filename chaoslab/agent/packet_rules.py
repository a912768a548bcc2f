"""Sets the packet rules of this network namespace, with an iptables that works in it."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterable

from chaoslab.agent import iptables_rules
from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import ErrorCode, InjectionFailed, Problem

NOT_GUARDED = ErrorCode(
    "packets.not_guarded",
    "port {port} is not guarded: no rule counts there",
    "The counters of a port were requested, but it has no packet rules.",
)
NO_TOOL = ErrorCode(
    "packets.no_tool",
    "no packet rule can be made: iptables is not in this image",
    "The agent's image has no iptables.",
)
NOT_ALLOWED = ErrorCode(
    "packets.not_allowed",
    "no packet rule can be made in this network namespace: {causes}",
    "Every iptables of the agent's image failed, for example without a capability.",
)
TOOL_FAILED = ErrorCode("packets.tool_failed", "{program}: {cause}", "A call of iptables failed.")

# `iptables` of an image is the legacy or the nft variant, and the kernel may support only one of
# them: each is tried. The plain name comes first, because people use it to look at the rules.
_TOOLS = ("iptables", "iptables-legacy", "iptables-nft")
_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")


class PacketRules:
    """Counts and drops packets at guarded ports, that is ports with rules of this agent.

    With `address`, only at that address of this network namespace.
    """

    def __init__(self, tools: tuple[str, ...] = _TOOLS, *, address: str = "") -> None:
        self._tools, self._address = tools, address
        self._tool = ""
        self._guarded: set[int] = set()
        self._lock = asyncio.Lock()
        self._marks = itertools.count(1)

    async def about(self) -> str:
        """The name and version of the iptables in use.

        Raises InjectionFailed if no rule can be made.
        """
        async with self._lock:
            return (await _run(await self._chosen(), "--version")).strip()

    async def guard(self, port: int) -> None:
        """Count packets at the port from now on; no effect if the port is already guarded."""
        async with self._lock:
            await self._ensure(port)

    async def switch(self, port: int, *, dropping: bool) -> None:
        """Drop all packets at the port, in both directions, or let them pass again."""
        async with self._lock:
            await self._ensure(port)
            await self._restore(iptables_rules.switched(port, dropping=dropping))

    async def check_dead(self) -> None:
        """Raise InjectionFailed if the packets of single connections cannot be dropped here."""
        async with self._lock:
            for text in iptables_rules.dead_trial():
                await self._restore(text)

    async def leave_dead(self, port: int, clients: Iterable[int]) -> None:
        """Drop all packets of the connections from the local ports `clients` to the port, and of
        no others. A later connection from one of these ports passes.
        """
        async with self._lock:
            await self._ensure(port)
            await self._restore(iptables_rules.left_dead(port, clients, next(self._marks)))

    async def counters(self, port: int) -> Counters:
        """The counts of packets at the port since it has been guarded.

        Raises InjectionFailed if the port is not guarded.
        """
        async with self._lock:
            counted = iptables_rules.counters(await self._saved(), port)
        if counted is None:
            raise InjectionFailed(Problem(reason=NOT_GUARDED(port=port)))
        return counted

    async def unguard(self, port: int) -> None:
        """Remove the rules of the port; no effect if the port has none."""
        async with self._lock:
            if iptables_rules.counters(await self._saved(), port) is not None:
                await self._restore(iptables_rules.removed(port, self._address))
            self._guarded.discard(port)

    async def _ensure(self, port: int) -> None:
        if port in self._guarded:
            return
        if iptables_rules.counters(await self._saved(), port) is None:
            await self._restore(iptables_rules.installed(port, self._address))
        self._guarded.add(port)

    async def _saved(self) -> str:
        return await _run(f"{await self._chosen()}-save", "-c", "-t", "filter")

    async def _restore(self, text: str) -> None:
        await _run(f"{await self._chosen()}-restore", "--noflush", "-w", "5", given=text)

    async def _chosen(self) -> str:
        """The name of the first iptables program that can make rules here.

        Raises InjectionFailed if none can.
        """
        problems = []
        for tool in () if self._tool else self._tools:
            if not _found(f"{tool}-restore"):
                continue
            try:
                for text in iptables_rules.trial():
                    await _run(f"{tool}-restore", "--noflush", "-w", "5", given=text)
            except InjectionFailed as error:
                problems.append(str(error))
            else:
                self._tool = tool
                break
        if not self._tool:
            raise _no_rules(problems)
        return self._tool


def _no_rules(problems: list[str]) -> InjectionFailed:
    if not problems:
        fix = "build the agent's image from a base with apt-get or apk, or with iptables in it"
        return InjectionFailed(Problem(reason=NO_TOOL(), fix=fix))
    fix = "start the agent's container as root with the capability NET_ADMIN"
    return InjectionFailed(Problem(reason=NOT_ALLOWED(causes=problems), fix=fix))


def _found(program: str) -> str | None:
    # Not shutil.which: an agent starts with each lab, and the import of shutil takes 14 ms.
    for folder in (*os.get_exec_path(), *_SBIN):
        if os.access(path := f"{folder}/{program}", os.X_OK):
            return path
    return None


async def _run(program: str, *arguments: str, given: str = "") -> str:
    """Run a program with the input text `given`, and return its output.

    Raises InjectionFailed with the program's error output if it fails.
    """
    process = await asyncio.create_subprocess_exec(
        _found(program) or program,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given.encode())
    if process.returncode:
        lines = err.decode(errors="replace").strip().splitlines()
        cause = "; ".join(lines) or f"exit code {process.returncode}"
        raise InjectionFailed(Problem(reason=TOOL_FAILED(program=program, cause=cause)))
    return out.decode()
