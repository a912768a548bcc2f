"""The dead-man's switch of a session's containers, networks and volumes: one per session."""

from __future__ import annotations

from chaoslab.machine.deadman_switch import DeadMansSwitch
from chaoslab.runtimes.containers import sweeper
from chaoslab.runtimes.containers.address import engine_address

FINISH_S = 30.0


class Switch(DeadMansSwitch):
    """Removes everything with a session's label: on `finish`, or by itself if this process dies.

    If `finish` leaves something, the switch keeps trying for a minute. `base_url` is the engine's
    address from docker-py; if it is empty, the environment names the engine. Raises
    RuntimeUnavailable for an address that the lab cannot use.
    """

    def __init__(self, session_id: str, base_url: str = "") -> None:
        address = engine_address(base_url)
        words = (session_id, address.url, address.certificates)
        super().__init__(sweeper, *words, name="the lab's dead-man's switch", leaves="containers")

    def finish(self, limit_s: float = FINISH_S) -> bool:
        """Remove everything of the session now; returns whether nothing is left."""
        return super().finish(limit_s)
