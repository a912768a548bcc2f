"""The actions of each fault on a link, and which sightings of a canary show it."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from chaoslab import CutMidstream, Flapping, OneWay, Severed, Slow, Throttled
from chaoslab.faults import AtMessage
from chaoslab.faults.base import LinkFault
from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, Disable
from chaoslab.model.sighting import Outcome, Sighting

ALL: frozenset[Capability] = frozenset(
    {"connect", "connect.dropped", "silence", "triggers", "connections"}
)
NONE: frozenset[Capability] = frozenset()
P, OTHER = "app.redis", "app.postgres"


def toxic(
    type_: str, stream: str, **attributes: int | str
) -> tuple[str, str, str, dict[str, int | str]]:
    """A toxic without its name."""
    return (P, type_, stream, attributes)


def plain(action: Action) -> object:
    """An action without its name."""
    if isinstance(action, AddToxic):
        assert action.toxicity == 1.0
        return (action.proxy, action.type, action.stream, dict(action.attributes))
    return action


DROP = ConnectPhase(proxy=P, mode="dropped", established="hold")
REFUSE = ConnectPhase(proxy=P, mode="refused", established="reset")

TABLE: list[tuple[LinkFault, frozenset[Capability], list[object]]] = [
    (Severed(target=P), ALL, [DROP]),
    (Severed(target=P), NONE, [DROP]),  # the proxy must refuse it: no other fault replaces it
    (Severed(target=P, at_heal="dead"), ALL, [replace(DROP, at_heal="dead")]),
    (Severed(target=P, at_heal="reset"), NONE, [replace(DROP, at_heal="reset")]),
    (Severed(target=P, mode="refused"), ALL, [REFUSE]),
    (Severed(target=P, mode="refused"), NONE, [Disable(proxy=P)]),
    (
        Severed(target=P, mode="silent"),
        ALL,
        [toxic("silence", "upstream"), toxic("silence", "downstream")],
    ),
    (
        Severed(target=P, mode="silent"),
        NONE,
        [toxic("timeout", "upstream", timeout=0), toxic("timeout", "downstream", timeout=0)],
    ),
    (Flapping(target=P, period_s=1.0), ALL, [REFUSE]),
    (Flapping(target=P, period_s=1.0, mode="dropped"), ALL, [DROP]),
    (
        Slow(target=P, latency_s=0.0254, jitter_s=0.005),
        ALL,
        [toxic("latency", "downstream", latency=25, jitter=5)],
    ),
    (
        Slow(target=P, latency_s=2, streams=("upstream", "downstream")),
        NONE,
        [
            toxic("latency", "upstream", latency=2000, jitter=0),
            toxic("latency", "downstream", latency=2000, jitter=0),
        ],
    ),
    (
        Throttled(target=P, rate_kb_per_s=8, streams=("upstream",)),
        ALL,
        [toxic("bandwidth", "upstream", rate=8)],
    ),
    (CutMidstream(target=P, after_bytes=99), ALL, [toxic("limit_data", "downstream", bytes=99)]),
    (
        AtMessage(target=P, message="COMMIT"),
        ALL,
        [toxic("at_message", "upstream", message="COMMIT", do="cut", nth=0, delay=0)],
    ),
    (
        AtMessage(target=P, message="BRPOP", at="after", do="delay", nth=3, delay_s=0.25),
        NONE,
        [toxic("at_message", "downstream", message="BRPOP", do="delay", nth=3, delay=250)],
    ),
    (OneWay(target=P, stream="upstream"), ALL, [toxic("silence", "upstream")]),
    (OneWay(target=P), NONE, [toxic("timeout", "downstream", timeout=0)]),
]


@pytest.mark.parametrize(("fault", "can", "expected"), TABLE)
def test_a_fault_has_exactly_these_actions(
    fault: LinkFault, can: frozenset[Capability], expected: list[object]
) -> None:
    """On one link, for a proxy server that supports everything, and for a plain Toxiproxy."""
    assert [plain(action) for action in fault.actions(P, can)] == expected


@pytest.mark.parametrize("can", [ALL, NONE])
def test_a_silence_with_another_heal_is_never_replaced(can: frozenset[Capability]) -> None:
    """A proxy server that cannot do it must refuse it; a toxic that closes is another fault."""
    actions = Severed(target=P, mode="silent", at_heal="dead").actions(P, can)
    assert [(a.type, a.at_heal) for a in actions if isinstance(a, AddToxic)] == [
        ("silence", "dead"),
        ("silence", "dead"),
    ]


@pytest.mark.parametrize("fault", [fault for fault, _, _ in TABLE])
def test_every_link_of_the_target_gets_the_same_actions(fault: LinkFault) -> None:
    """Each on its own proxy."""
    first, second = fault.actions(P, ALL), fault.actions(OTHER, ALL)
    assert {action.proxy for action in first} == {P}
    assert [replace(action, proxy=OTHER) for action in first] == list(second)


@pytest.mark.parametrize("name", ["why? #1", "50% of it", "a/b", "a:b", "é", "..", "x" * 99])
def test_the_name_of_a_toxic_can_be_part_of_a_path(name: str) -> None:
    """The client does not quote names, so a toxic with another name could not be removed."""
    (action,) = Slow(name=name, target=P, latency_s=1.0).actions(P, ALL)
    assert isinstance(action, AddToxic)
    assert set(action.name) <= {*string.ascii_letters, *string.digits, "_", "-", ".", ":"}


def test_faults_of_different_names_have_toxics_of_different_names() -> None:
    """Else one fault would remove the toxic of another on the same link."""
    names = ["a b", "a_b", "a/b", "a:b", "a?b", "A b", "a", "b"]
    actions = [
        action
        for name in names
        for action in Slow(name=name, target=P, latency_s=1.0).actions(P, ALL)
    ]
    assert len({a.name for a in actions if isinstance(a, AddToxic)}) == len(names)


def sighting(outcome: Outcome, took_s: float = 0.001) -> Sighting:
    return Sighting(outcome=outcome, took_s=took_s, client_port=1)


OUTCOMES: tuple[Outcome, ...] = (
    "answered", "refused", "connect_timeout", "silent", "closed", "reset",
)  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "shown_by"),
    [
        (Severed(target=P), "connect_timeout"),
        (Severed(target=P, mode="refused"), "refused"),
        (Severed(target=P, mode="silent"), "silent"),
        (Flapping(target=P, period_s=1.0, mode="dropped"), "connect_timeout"),
        (Flapping(target=P, period_s=1.0), "refused"),
        (Flapping(target=P, period_s=1.0, mode="silent"), "silent"),
        (OneWay(target=P), "silent"),
        (OneWay(target=P, stream="upstream"), "silent"),
    ],
)
def test_only_its_own_outcome_shows_a_fault(fault: LinkFault, shown_by: Outcome) -> None:
    """Every other outcome shows that it is not in force."""
    assert {o: fault.shows(sighting(o)) for o in OUTCOMES} == {o: o == shown_by for o in OUTCOMES}


@pytest.mark.parametrize(
    ("took_s", "shown"), [(0.0, False), (0.379, False), (0.401, True), (5.0, True)]
)
def test_slow_is_shown_by_a_late_answer(took_s: float, shown: bool) -> None:
    """Two streams of 250 ± 50 ms each: no answer can arrive before 400 ms."""
    fault = Slow(target=P, latency_s=0.25, jitter_s=0.05, streams=("upstream", "downstream"))
    assert fault.shows(sighting("answered", took_s)) is shown
    assert fault.shows(sighting("silent", took_s)) is False


@pytest.mark.parametrize(
    ("fault", "took_s", "shown"),
    [
        (OneWay(target=P, stream="upstream"), 0.001, None),
        (OneWay(target=P, stream="downstream"), 0.001, False),
        (Slow(target=P, latency_s=0.2, streams=("upstream",)), 0.001, None),
        (Slow(target=P, latency_s=0.2), 0.001, False),
        (Slow(target=P, latency_s=0.2, streams=("upstream", "downstream")), 0.199, False),
        (Slow(target=P, latency_s=0.2, streams=("upstream", "downstream")), 0.201, True),
    ],
)
def test_the_first_message_of_a_server_does_not_show_the_path_to_it(
    fault: LinkFault, took_s: float, shown: bool | None
) -> None:
    """It passes downstream, whether or not the canary's bytes reach the server."""
    greeting = replace(sighting("answered", took_s), server_first=True)
    assert fault.shows(greeting) is shown


@pytest.mark.parametrize(
    "fault", [Throttled(target=P, rate_kb_per_s=1), CutMidstream(target=P, after_bytes=1)]
)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_canary_cannot_observe_a_limited_path(fault: LinkFault, outcome: Outcome) -> None:
    """These faults are in force by read-back."""
    assert fault.shows(sighting(outcome)) is None


@pytest.mark.parametrize(
    "fault",
    [
        Slow(target=P, latency_s=3.0),
        Slow(target=P, latency_s=1.0, jitter_s=1.0, streams=("upstream", "downstream")),
    ],
)
def test_a_canary_waits_longer_than_the_slowest_answer(fault: Slow) -> None:
    """Else a slow path would look silent. There is an upper bound too."""
    slowest_s = len(fault.streams) * (fault.latency_s + fault.jitter_s)
    assert slowest_s < fault.canary_waits_s < 2 * slowest_s + 1.0


SILENCES = [
    fault
    for fault, _, _ in TABLE
    if isinstance(fault, OneWay)
    or (isinstance(fault, Severed | Flapping) and fault.mode in ("dropped", "silent"))
]


@pytest.mark.parametrize("fault", SILENCES)
def test_a_canary_waits_briefly_for_silence(fault: LinkFault) -> None:
    """It always waits for all of this time, before the app is spawned."""
    assert 0.02 <= fault.canary_waits_s <= 0.2


def test_a_canary_waits_longer_for_a_refusal() -> None:
    """A refusal comes at once, so a long limit costs no time, and a busy machine may need it."""
    assert 1.0 <= Severed(target=P, mode="refused").canary_waits_s <= 5.0
