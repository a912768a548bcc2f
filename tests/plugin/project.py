"""A project of a stranger, with tiny apps and scenarios, and a pytest of its own to run them."""

from __future__ import annotations

from pathlib import Path

from rigs import projects

APPS = ("good", "exits", "deaf", "silent", "html", "healthless")
APP = Path(__file__).with_name("tiny_app.py")
INI = f"""
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
# A lab that stalls with its machine judges all the same.
addopts = --strict-markers --strict-config -p no:cacheprovider --chaos-max-lag-s=5
    {projects.NO_HYPOTHESIS}
filterwarnings = error
markers =
    vpc_outage: the path to the databases is severed
    recovery: the path is back
    steady: nothing is severed
    slow_database: selects nothing
"""
HEAD = """
import pytest
from chaoslab import Boot, Severed, expect, when
"""


def topology() -> str:
    """One Redis, and each of the tiny apps."""
    parts = ['version = 1\nname = "tiny"\n[services.redis]\nkind = "redis"\n']
    words = f'"{{python}}", "{APP}", "KIND", "{{port}}", "{{redis.port}}"'
    app = (
        f"[apps.KIND]\ncommand = [{words}]\n"
        'links = ["redis"]\n'
        "deadlines = { startup_s = START_S, degraded_s = 4.0, recovery_s = 6.0, stable_s = 0.5 }\n"
    )
    # The bad ones are waited for until their deadline; a good one may start on a stalled machine.
    parts += [
        app.replace("KIND", kind).replace("START_S", "6.0" if kind == "good" else "2.5")
        for kind in APPS
    ]
    parts += ['[apps.missing]\ncommand = ["/no/such/program"]\nlinks = ["redis"]\n']
    return "".join(parts)


class Project(projects.Project):
    """A folder with a topology, scenarios and a pytest.ini."""

    def __init__(self, folder: Path, scenarios: str, topology_text: str | None = None) -> None:
        files = {"chaoslab.toml": topology_text or topology(), "test_tiny.py": HEAD + scenarios}
        super().__init__(folder, {"pytest.ini": INI, **files})


GOOD = """
@pytest.mark.vpc_outage
async def test_good(chaos):
    await chaos.run(
        Severed(target="good.redis", mode="MODE", stop=when.degraded(0.3)),
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="degraded"), expect.Recovers(app="good")],
    )
"""
BAD = """
@pytest.mark.parametrize("app", ["exits", "deaf", "silent", "html", "healthless", "missing"])
async def test_starts(chaos, app):
    await chaos.run(
        boots=[Boot(app=app)],
        expect=[expect.Starts(app=app, mode="normal", rests_on=())],
    )
"""
LONG = """
async def test_long(chaos):
    await chaos.run(
        Severed(name="cut", target="good.redis", stop=when.degraded(50)),
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="degraded"), expect.Recovers(app="good")],
        limit_s=60,
    )
"""
