"""Check that the app's connect attempts can be counted if a plan needs their number."""

from __future__ import annotations

from chaoslab.errors import ErrorCode, FaultUnsupported, Problem
from chaoslab.model.plan import Plan
from chaoslab.proxies.base import ProxyControl

NOT_COUNTED = ErrorCode(
    "injection.connects_not_counted",
    "'{kind}' needs the number of the app's connects: {proxy} keeps no record of connections, and "
    "no packet counter is available here",
    "Nothing counts the app's connects on this runtime, so the expectation cannot be judged.",
)


def require_connect_counter(plan: Plan, control: ProxyControl) -> None:
    """Raise FaultUnsupported if an expectation needs the number of connects and nothing counts
    them.

    The app's sockets are not enough: a failed connect may end before the lab reads its socket.
    """
    wanted = next((e for e in plan.expect if "connects" in e.watches), None)
    if wanted is not None and not control.capabilities & {"connections", "packets"}:
        reason = NOT_COUNTED(kind=wanted.kind, proxy=control.name)
        fix = "use --chaos-proxy=embedded or --chaos-runtime=docker"
        raise FaultUnsupported(Problem(reason=reason, fix=fix))
