"""Whether what a plan wants counted can be counted where it is carried out."""

from __future__ import annotations

from chaoslab.errors import FaultUnsupported
from chaoslab.model.plan import Plan
from chaoslab.proxies.base import ProxyControl


def check_countable(plan: Plan, control: ProxyControl) -> None:
    """Raise FaultUnsupported where the app's connects are to be counted and nothing counts them:
    a connect that finds nobody is over before its socket could be looked at.
    """
    wanted = next((e for e in plan.expect if "connects" in e.watches), None)
    if wanted is not None and not control.capabilities & {"connections", "packets"}:
        raise FaultUnsupported(
            f"{control.name} records no connections, and no packet counter is available: "
            f"connect attempts of the app ({wanted.kind}) cannot be judged here"
        )
