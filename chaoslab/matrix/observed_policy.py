"""The policy that the facts of one cell show. Pure."""

from __future__ import annotations

from chaoslab.behaviour.answered import BREAKS, HANGS, REFUSES
from chaoslab.behaviour.facts import Facts
from chaoslab.model.policy import Policy


def policy_of(facts: Facts, *, at_boot: bool) -> Policy | None:
    """The policy that the facts show. None if there is no policy for them: something hangs, health
    of a running app gives no answer, or the app exits with 0, after which no supervisor has to
    start it.
    """
    if facts.exits:
        return "exit" if all(each.code != 0 for each in facts.exits) else None
    if at_boot and not facts.started_under_fault:
        if facts.start is None or facts.start.last_status is None:
            return "wait"
        return None if _hanging(facts) else "unavailable"
    if _hanging(facts):
        return None
    if not facts.changed:
        return "unaffected"
    health = [each for each in facts.under if each.role == "health"]
    if any("degraded" in each.settled for each in health):
        return "degrade"
    bad = [each for each in health if not each.settled_good]
    return "unavailable" if bad and not _silent(facts) else None


def why_no_policy(facts: Facts) -> str:
    """Why there is no policy for the facts, for people."""
    if facts.exits:
        return "it exits with 0, after which a supervisor that restarts on failure does nothing"
    if hanging := _hanging(facts):
        return f"{' and '.join(hanging)} hang: no policy allows that"
    if silent := _silent(facts):
        return f"{' and '.join(silent)} gives no answer while the app runs: no policy allows that"
    if facts.process_ends:
        names = " and ".join(each.name for each in facts.process_ends)
        return f"health stays healthy while process {names} exits: no policy allows that"
    return "health stays healthy, and something changed: no policy says what"


def _hanging(facts: Facts) -> list[str]:
    return [each.name for each in (*facts.under, *facts.waiting) if HANGS in each.ways]


def _silent(facts: Facts) -> list[str]:
    """The path of health, if its connections were refused or closed without an answer at last."""
    health = (each for each in facts.under if each.role == "health")
    return [each.name for each in health if each.settled in (REFUSES, BREAKS)]
