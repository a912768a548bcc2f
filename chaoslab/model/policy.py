"""What an app is to do without one of its services, and what it needs it for, as the topology
declares it. Plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# `degrade`: it serves, and health answers 200 degraded. `unavailable`: health, and each request
# that needs the service, get an error in time. `wait`: it answers nothing until the heal. `exit`:
# its process ends, and a supervisor starts it again. `unaffected`: nothing changes.
Policy = Literal["degrade", "unavailable", "wait", "exit", "unaffected"]
# Whether the service is missing before the app is started, or goes away while the app runs.
PolicyMoment = Literal["boot", "running"]
# How the service is missing: by the mode of `Severed`, with dead connections at the heal, or
# because it is shut down. A restart is over at once and has no policy.
OutageMode = Literal["refused", "dropped", "silent", "silent_dead", "stopped"]

# The modes in which the path to a service fails.
CutMode = Literal["refused", "dropped", "silent", "silent_dead"]
# `hard`: the app does not start without the service. `hard only at boot`: but it serves every
# request without it while it runs. `lazy`: it starts and reports healthy, and requests need the
# service. `soft`: it starts without it. `starts and exits`: it starts without it, and then its
# process ends.
Need = Literal["hard", "starts and exits", "hard only at boot", "lazy", "soft"]

# A mode without a policy of its own that has that of another.
_AS: Mapping[OutageMode, OutageMode] = {"silent_dead": "silent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What an app is to do without one service: at its boot, and while it runs.

    Each maps the modes of an outage to the policy. A mode that is absent has no policy, except that
    `silent_dead` has that of `silent`.
    """

    boot: Mapping[OutageMode, Policy] = field(default_factory=dict)
    running: Mapping[OutageMode, Policy] = field(default_factory=dict)

    def of(self, moment: PolicyMoment, mode: OutageMode) -> Policy | None:
        """The policy for an outage of this mode at this moment. None if none is declared."""
        declared = self.boot if moment == "boot" else self.running
        return declared.get(mode, declared.get(_AS.get(mode, mode)))
