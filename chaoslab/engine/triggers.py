"""Faults that the engine itself injects when a proxy accepts its n-th connection.

The fault is in force before the first byte of that connection is forwarded. A test that polls
would be too late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chaoslab.clock import now_s
from chaoslab.engine.wire import ApiError

Action = Callable[[], None]


@dataclass(slots=True)
class Trigger:
    """Actions that the engine runs when a proxy accepts a certain client.

    `at_connection` is the number of this client, counted from 1 since the trigger was armed.
    """

    name: str
    proxy: str
    at_connection: int
    actions: list[Action]
    shown_actions: list[object]
    armed_after: int
    fired_s: float | None = None
    error: str | None = None

    def fire(self) -> None:
        """Run all actions; `error` gets the messages of the actions that fail."""
        self.fired_s = now_s()
        errors = []
        for action in self.actions:
            try:
                action()
            except ApiError as failure:
                errors.append(failure.text)
        self.error = "; ".join(errors) or None

    def as_json(self) -> dict[str, object]:
        """The trigger as a JSON object, as the API shows it."""
        return {
            "name": self.name,
            "proxy": self.proxy,
            "at_connection": self.at_connection,
            "fired_s": self.fired_s,
            "error": self.error,
            "actions": self.shown_actions,
        }


@dataclass(slots=True)
class Triggers:
    """The triggers of one proxy; `by_name` maps each name to its trigger."""

    by_name: dict[str, Trigger] = field(default_factory=dict)

    def accepted(self, count: int) -> None:
        """Fire the triggers that are due, because the proxy has accepted its `count`-th client."""
        for trigger in list(self.by_name.values()):
            if trigger.fired_s is None and count - trigger.armed_after >= trigger.at_connection:
                trigger.fire()

    def arm(self, trigger: Trigger) -> None:
        """Add a trigger, or replace a fired one of the same name.

        Raises ApiError 409 if the trigger of this name has not fired yet.
        """
        old = self.by_name.get(trigger.name)
        if old is not None and old.fired_s is None:
            raise ApiError("trigger already exists", 409)
        self.by_name[trigger.name] = trigger

    def disarm(self, name: str) -> None:
        """Remove the trigger with this name. Raises ApiError 404 if there is none."""
        if self.by_name.pop(name, None) is None:
            raise ApiError("trigger not found", 404)

    def disarm_unfired(self) -> None:
        """Remove the triggers that have not fired; fired ones can still be read."""
        self.by_name = {n: t for n, t in self.by_name.items() if t.fired_s is not None}
