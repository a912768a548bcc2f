"""The one table of runtimes. It imports none of them: every pytest session and `--help` reads it.

A new runtime is one package in this folder and one line of the table. The package has a module
`kind` with `KIND`, which is a `chaoslab.runtimes.kind.RuntimeKind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a runtime before its package is imported.

    `name` is its name in options and reports, `package` its folder beside this file, `starts` says
    for the help what it starts. `usual_proxy` is the proxy on the links if no option names one.
    With `shares_parts`, the labs of a pytest session share parts that run until the session ends.
    With `external_proxy`, the proxy outlives the lab, so a lab must heal its faults before it ends.
    With `counts_refused`, the kernel counts the connects that a fault refuses. `cannot_show` says
    for people what no run on it can show, although another runtime can.
    """

    name: str
    package: str
    starts: str
    usual_proxy: Literal["embedded", "toxiproxy"] = "toxiproxy"
    shares_parts: bool = False
    external_proxy: bool = False
    counts_refused: bool = False
    cannot_show: str = ""


TABLE: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="loopback",
            package="local",
            starts="processes on the machine's own loopback",
            usual_proxy="embedded",
            cannot_show="the number of refused connects, the effect of keepalives and"
            " TCP_USER_TIMEOUT, short connections past the proxy",
        ),
        Entry(
            name="netns",
            package="netns",
            starts="processes, each app in a network of its own (Linux)",
            usual_proxy="embedded",
            counts_refused=True,
        ),
        Entry(
            name="docker",
            package="containers",
            starts="containers",
            shares_parts=True,
            counts_refused=True,
        ),
        Entry(
            name="compose",
            package="compose",
            starts="a copy of a Compose stack",
            shares_parts=True,
            counts_refused=True,
        ),
        Entry(
            name="attach", package="attach", starts="nothing: uses [attach]", external_proxy=True
        ),
    )
}
# `local` stands for the first of these that can run on the machine (`chaoslab.runtimes.choice`).
LOCAL = "local"
LOCAL_RUNTIMES = ("netns", "loopback")
# The values of --chaos-runtime.
NAMES = (LOCAL, *TABLE)
DEFAULT = LOCAL


def usual_proxy(name: str) -> Literal["embedded", "toxiproxy"]:
    """The proxy on the links of the runtime `name`, or of `local`, if no option names one."""
    return TABLE[LOCAL_RUNTIMES[-1] if name == LOCAL else name].usual_proxy
