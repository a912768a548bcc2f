"""Random sequences of API calls and traffic on both servers: the same answers, bytes and ends.

The sequences leave out the deliberate differences of docs/compat.md: one direction closed alone,
`timeout` under traffic, `reset_peer`, a toxicity between 0 and 1, a limit lowered below the bytes
that have passed, and the settings that hang or crash a real Toxiproxy. An RST and a FIN count as
equal. Each step begins when the one before has had its whole effect.

"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.clock import now_s
from chaoslab.seeds import generator

from .api import Api
from .compared import ADDRESS
from .traffic import ENDS, World, settle
from .wire import Service

ACTS = 24
AT_MOST_OPEN = 4
APART_S = 1.5  # how much later the last byte may arrive on one server, if it stalls
SETTLED_WITHIN_S = 6.0
SIZES = (1, 10, 100, 1000, 5000, 20_000)
SETTINGS: dict[str, dict[str, tuple[int, ...]]] = {
    "latency": {"latency": (0, 20, 60, -5), "jitter": (0, 0, 10)},
    "bandwidth": {"rate": (200, 500, 5000)},
    "slow_close": {"delay": (0, 30, 80)},
    "timeout": {"timeout": (0, 0, 30)},
    # Few slices: each takes Toxiproxy a millisecond or two on a busy machine.
    "slicer": {"average_size": (500, 2000), "size_variation": (0, 50), "delay": (0, 50)},
    "limit_data": {"bytes": (0, 5, 150, 3000, 12_000)},
    "noop": {},
}
MAY_SPARE = ("latency", "bandwidth", "slow_close", "slicer", "noop")


@dataclass(slots=True, kw_only=True)
class Story:
    """The steps so far, which decide what is possible next and how long it may take."""

    draw: random.Random
    enabled: bool = True
    toxics: dict[str, dict[str, object]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def quiet_s(self) -> float:
        """Longer than any toxic in force may hold bytes."""
        held_ms = 60
        for toxic in self.toxics.values():
            attributes = toxic["attributes"]
            assert isinstance(attributes, dict)
            held_ms += sum(max(attributes.get(key, 0), 0) for key in ("latency", "delay", "timeout")
                           if toxic["type"] != "slicer")  # fmt: skip
            held_ms += max(attributes.get("jitter", 0), 0)
            held_ms += 120 if toxic["type"] == "bandwidth" else 0
        return held_ms / 1000


@contextlib.contextmanager
def both_worlds(both: dict[str, Api]) -> Iterator[list[World]]:
    """The proxy on the engine and the same proxy on a real Toxiproxy; removed at the end."""
    with contextlib.ExitStack() as stack:
        worlds = []
        for api in both.values():
            worlds.append(World(api, stack.enter_context(Service())))
            stack.callback(api.delete, "/proxies/db")
        yield worlds
        for world in worlds:
            for one in world.watched():
                one.close()


@settings(examples(6), phases=[Phase.reuse, Phase.generate])  # too slow to shrink
@given(draw=st.randoms(use_true_random=False))
def test_both_servers_pass_the_same_bytes(both_apis: dict[str, Api], draw: random.Random) -> None:
    """Two dozen steps; after each, both ends of every connection have received the same."""
    with both_worlds(both_apis) as worlds:
        story = Story(draw=draw)
        for _ in range(ACTS):
            act(story, worlds)
            same = settle(worlds, story.quiet_s(), SETTLED_WITHIN_S)
            assert same, "\n".join([*story.steps, differences(worlds)])
            for one, other in zip(*(world.late_s() for world in worlds), strict=True):
                for end in ENDS:
                    apart_s = abs(one[end] - other[end])
                    assert apart_s <= APART_S, "\n".join([*story.steps, f"{end}: {one} {other}"])


def act(story: Story, worlds: list[World]) -> None:
    """One step that is possible now, done on both."""
    draw = story.draw
    live = [number for number, ends in enumerate(worlds[0].ends)
            if not any(one.over for one in ends.values())]  # fmt: skip
    can = {
        "add": 5,
        "remove": 3 if story.toxics else 0,
        "change": 2 if story.toxics else 0,
        "switch": 1 if story.enabled else 20,
        "reset": 1,
        "open": (3 if live else 20) if story.enabled and len(live) < AT_MOST_OPEN else 0,
        "send": 20 if live else 0,
        "close": 2 if live else 0,
    }
    kind = draw.choice([kind for kind, share in can.items() for _ in range(share)])
    if kind in ("send", "close"):
        number, end = draw.choice(live), _end(story)
        # Only the number of bytes is drawn, not each byte.
        data = generator(len(story.steps), "data").randbytes(draw.choice(SIZES))
        how = draw.choice(("close", "reset"))
        step = f"{end} {number} sends {len(data)}" if kind == "send" else f"{end} {number} {how}s"
        story.steps.append(step)
        for world in worlds:
            world.acted_s = now_s()
            if kind == "send":
                world.send(number, end, data)
            else:
                _leave(world, number, end, how)
    elif kind == "open":
        story.steps.append("open")
        for world in worlds:
            world.acted_s = now_s()
            world.open()
    else:
        call(story, worlds, *_call(story, kind))


def _end(story: Story) -> str:
    """An end for the next step: mostly one whose bytes go through a toxic."""
    streams = [str(toxic["stream"]) for toxic in story.toxics.values()]
    if streams and story.draw.random() < 0.7:
        return "client" if story.draw.choice(streams) == "upstream" else "upstream"
    return story.draw.choice(ENDS)


def _leave(world: World, number: int, end: str, how: str) -> None:
    one = world.ends[number][end]
    one.over = True
    one.end.reset() if how == "reset" else one.end.close()


def call(story: Story, worlds: list[World], method: str, path: str, body: object) -> None:
    """One API call to both; the answers must be equal."""
    story.steps.append(f"{method} {path} {json.dumps(body)}")
    answers = []
    for world in worlds:
        answer = world.api.request(method, path, body)
        world.acted_s = now_s()
        answers.append((answer.status, ADDRESS.sub("<address>", answer.text)))
    assert answers[0] == answers[1], "\n".join(story.steps)


def _call(story: Story, kind: str) -> tuple[str, str, object]:
    draw = story.draw
    if kind == "switch":
        story.enabled = not story.enabled
        return "PATCH", "/proxies/db", {"enabled": story.enabled}
    if kind == "reset":
        story.enabled = True
        story.toxics.clear()
        return "POST", "/reset", None
    if kind == "add":
        toxic = _toxic(draw)
        story.toxics.setdefault(f"{toxic['type']}_{toxic['stream']}", toxic)
        return "POST", "/proxies/db/toxics", toxic
    name = draw.choice(list(story.toxics))
    path = f"/proxies/db/toxics/{name}"
    if kind == "remove":
        del story.toxics[name]
        return "DELETE", path, None
    toxic = story.toxics[name]
    attributes = _attributes(draw, str(toxic["type"]))
    if toxic["type"] == "limit_data":
        attributes = {"bytes": 60_000}
    toxic["attributes"] = attributes
    return "PATCH", path, {"attributes": attributes}


def _toxic(draw: random.Random) -> dict[str, object]:
    kind = draw.choice(list(SETTINGS))
    toxicity = 0 if kind in MAY_SPARE and draw.random() < 0.2 else 1
    return {"type": kind, "stream": draw.choice(("upstream", "downstream")),
            "toxicity": toxicity, "attributes": _attributes(draw, kind)}  # fmt: skip


def _attributes(draw: random.Random, kind: str) -> dict[str, int]:
    return {name: draw.choice(values) for name, values in SETTINGS[kind].items()}


def differences(worlds: list[World]) -> str:
    """What the ends received differently: the engine first, then Toxiproxy."""
    lines = []
    for number, (one, other) in enumerate(zip(*(world.seen() for world in worlds), strict=True)):
        for end in ENDS:
            if one[end] != other[end]:
                shown = [f"{len(data)} bytes{', over' if over else ''}"
                         for data, over in (one[end], other[end])]  # fmt: skip
                lines.append(f"  {end} {number}: {shown[0]} / {shown[1]}")
    return "\n".join(lines)
