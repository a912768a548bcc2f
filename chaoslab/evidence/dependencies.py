"""Which dependencies the answers of health name as lost, and how such answers hide a loss. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from chaoslab.history.events import HealthSample
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]


def _named(data: Data) -> str:
    names = ", ".join(data["names"]) or "nothing"
    expected = ", ".join(data["expected"])
    other = "" if data["names"] == data["expected"] else f", expected {expected}"
    return f"health named {names} as lost, asked at {data['at_s']:.3f} s{other}"


def _unknown_words(data: Data) -> str:
    words = ", ".join(f"'{word}'" for word in data["words"])
    return (
        f"health calls a dependency {words}, which [apps.{data['app']}.health.words] does not have"
    )


NAMED = Code(
    "health.named",
    _named,
    "The dependencies that an answer of health named as lost, and those that it should have named.",
    data=("names", "expected", "at_s"),
)
UNKNOWN_WORDS = Code(
    "health.unknown_words",
    _unknown_words,
    "Health uses words for a dependency that are not in the health contract.",
    data=("words", "app"),
)
CONTRADICTED = Code(
    "health.contradicted",
    "health answered healthy while it named {names} as lost",
    "Health contradicted itself: it named a dependency as lost, and the app as healthy.",
)
NO_LONGER_NAMED = Code(
    "health.no_longer_named",
    "health no longer mentions {names}",
    "Earlier answers of health mention the dependency, as lost or not. The last answer during "
    "the fault does not.",
)
BLIND = Code(
    "health.blind",
    "health answered healthy all the time and named nothing as lost",
    "During the fault each answer of health was healthy, and none named a dependency that it "
    "should name as lost.",
)


def lost(sample: HealthSample, expected: Collection[str], contract: HealthContract) -> Reason:
    """The reason `NAMED`: the dependencies that the answer `sample` of health names as lost, and
    those that it should name (`expected`).
    """
    names = contract.lost(sample.dependencies)
    return NAMED(names=names, expected=sorted(expected), at_s=sample.at_s)


def unknown_words(held: list[HealthSample], app: str, contract: HealthContract) -> Reason | None:
    """The reason with the words that the answers `held` use for dependencies and that are not in
    the contract. None if all words are known.
    """
    words = {w for s in held for w in s.dependencies.values() if w.lower() not in contract.words}
    return UNKNOWN_WORDS(words=sorted(words), app=app) if words else None


def hidden_losses(
    expected: Collection[str],
    seen: list[HealthSample],
    asked: list[HealthSample],
    contract: HealthContract,
) -> Iterator[Reason]:
    """Yields at most one reason that says how health hid the dependencies that it should name: it
    named one but answered healthy, it stopped mentioning one, or it always answered healthy.

    `seen` are the answers while the fault was in force, `asked` all answers of the boot.
    """
    naming = set(expected)
    healthy = (s for s in seen if s.state is HealthState.HEALTHY)
    named = {name for s in healthy for name in contract.lost(s.dependencies)} & naming
    if named:
        yield CONTRADICTED(names=sorted(named))
        return
    before = {name for s in asked if s.at_s < seen[-1].at_s for name in s.dependencies}
    if gone := sorted((naming & before) - set(seen[-1].dependencies)):
        yield NO_LONGER_NAMED(names=gone)
    elif all(s.state is HealthState.HEALTHY for s in seen):
        yield BLIND()
