"""Check that the app's connect attempts can be counted where a plan needs their number."""

from __future__ import annotations

from chaoslab.errors import FaultUnsupported
from chaoslab.model.plan import Plan
from chaoslab.proxies.base import ProxyControl


def require_connect_counter(plan: Plan, control: ProxyControl) -> None:
    """Raise FaultUnsupported if an expectation needs the number of connects and nothing counts
    them.

    The app's sockets are not enough: a failed connect may end before the lab reads its socket.
    """
    wanted = next((e for e in plan.expect if "connects" in e.watches), None)
    if wanted is not None and not control.capabilities & {"connections", "packets"}:
        raise FaultUnsupported(
            f"'{wanted.kind}' needs the number of the app's connects: {control.name} keeps no "
            "record of connections, and no packet counter is available here"
        )
