"""What of the matrix is run on a system that the lab did not start. Pure.

The lab starts and stops nothing there, so only faults on links under a running app are left.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.matrix.claims import policy_in
from chaoslab.model.cell import ON_SERVICES, Cell
from chaoslab.model.topology import Attach, Topology

NO_APP_THERE = ErrorCode(
    "attach.no_app_there",
    "[attach.apps] declares no app at {url}",
    "The URL of --against is not the address of an app in [attach].",
)
_AT_ITS_END = ("exit", "wait")  # policies about the end of a process, which is not observable


def narrowed(topology: Topology, attach: Attach, url: str) -> tuple[Topology, str]:
    """The topology with the one app at `url`, and its name: [attach] has its address alone, with
    the proxies of its links and the addresses of their services.

    Raises SpecError if [attach.apps] declares no app there.
    """
    wanted = _address(url)
    name = next((n for n, at in attach.apps.items() if wanted and _address(at) == wanted), None)
    if name is None:
        raise SpecError(
            Problem(
                where="--against",
                reason=NO_APP_THERE(url=url),
                expected="one of: " + ", ".join(attach.apps.values()),
                fix="correct the URL, or declare the app in [attach.apps]",
            )
        )
    mine = {f"{name}.{service}": service for service in topology.apps[name].links}
    own = replace(
        attach,
        apps={name: attach.apps[name]},
        links={link: proxy for link, proxy in attach.links.items() if link in mine},
        services={n: at for n, at in attach.services.items() if n in mine.values()},
    )
    return replace(topology, attach=own), name


def why_not_run(cell: Cell, topology: Topology) -> str:
    """Why the lab cannot run the cell on a system that it did not start. Empty if it may try."""
    if cell.steady:
        return ""
    if cell.moment == "boot":
        return "attach mode does not start the app"
    if cell.moment == "sigterm":
        return "attach mode does not stop the app"
    if cell.fault in ON_SERVICES:
        return "attach mode does not stop a service"
    link = f"{cell.app}.{cell.target}"
    if topology.attach is None or link not in topology.attach.links:
        return f'no [attach.links."{link}"]: the lab may change no proxy'
    if (policy := policy_in(topology, cell)) in _AT_ITS_END:
        return f"its policy is {policy}, and attach mode does not observe whether the app exits"
    return ""


def _address(url: str) -> tuple[str, int] | None:
    """The host and port of the base URL of an app. None if it is no such URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        return None
    plain = parts.scheme == "http" and parts.hostname and parts.path in ("", "/")
    return (parts.hostname or "", port) if plain and not parts.query else None
