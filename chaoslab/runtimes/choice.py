"""Chooses the runtime of a session: `local` is the most faithful local one that can run here."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.table import LOCAL, LOCAL_RUNTIMES, TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The runtime of a session, and why a more faithful one was not chosen; `why` may be empty."""

    runtime: str
    why: str = ""

    @property
    def counts_refused(self) -> bool:
        """Whether the runtime counts connects that a fault refuses."""
        return TABLE[self.runtime].counts_refused

    @property
    def note(self) -> str:
        """For people: why this runtime was chosen, and what it cannot show; empty if neither."""
        cannot = TABLE[self.runtime].cannot_show
        return "; ".join(
            filter(None, (self.why, f"not observed there: {cannot}" if cannot else ""))
        )


def choose(asked: str, topology: Topology, proxy: ProxyKind) -> Choice:
    """The runtime that the name `asked` means for that topology and proxy on this machine.

    `local` is the first of LOCAL_RUNTIMES that can run here. Every other name is that runtime,
    which is not checked.
    """
    if asked != LOCAL:
        return Choice(runtime=asked)
    *better, last = LOCAL_RUNTIMES
    whys = []
    for name in better:
        try:
            runtime_kind(name).open_session(topology, proxy).check()
        except RuntimeUnavailable as error:
            whys.append(f"not {name}: {_one_line(error)}")
        else:
            return Choice(runtime=name, why="; ".join(whys))
    return Choice(runtime=last, why="; ".join(whys))


def _one_line(error: RuntimeUnavailable) -> str:
    return "; ".join(f"{each.what} (fix: {each.fix})" for each in error.problems)
