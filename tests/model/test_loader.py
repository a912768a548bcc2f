"""The loader returns the topology, or every mistake with its place and its fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.model.health import DEFAULT_WORDS, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.loader import find_topology, load_topology
from chaoslab.model.topology import Attach, Build, Container, Deadlines, Images, Topology
from chaoslab.reference.backend.phases import PHASES

MINIMAL = """
version = 1
[services.postgres]
kind = "postgres"

[services.redis]
kind = "redis"

[apps.backend]
command = ["{python}", "app.py"]
links = ["postgres", "redis"]
"""
REPOSITORY = Path(__file__).parents[2]


def written(folder: Path, text: str, name: str = "chaoslab.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path | None) -> list[str]:
    """The text of each problem. The loader must raise SpecError and nothing else."""
    with pytest.raises(SpecError) as caught:
        load_topology(path, kinds=services.kinds())
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_reference_topology_is_read_in_full() -> None:
    """The scenarios run on chaoslab.toml of the repository."""
    topology = load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds())
    backend = topology.apps["backend"]
    assert topology.name == "reference"
    assert {each.name: each.kind for each in topology.services.values()} == {
        "postgres": "postgres",
        "redis": "redis",
    }
    assert [link.name for link in topology.links] == ["backend.postgres", "backend.redis"]
    assert topology.connectors["vpc"].links == ("backend.postgres", "backend.redis")
    assert backend.command == ("{python}", "-m", "chaoslab.reference.backend")
    assert backend.env["DATABASE_URL"] == "{postgres.url}"
    assert backend.env["EMERGENCY_ALLOW_NO_DATABASE"] == "true"
    assert backend.health.startup_path == "/health/startup"
    assert backend.health.phases == tuple(phase.name for phase in PHASES)
    assert backend.write is not None
    assert backend.write.body == {"id": "{id}", "title": "written by the lab"}
    assert backend.container == Container(
        image="chaoslab-reference:0.1.0",
        build=Build(context=str(REPOSITORY), dockerfile="docker/reference/Dockerfile"),
    )
    assert topology.images == Images()
    assert topology.attach is None
    assert topology.source == str(REPOSITORY / "chaoslab.toml")


def test_the_reference_deadlines_hold_the_incidents_limits_divided_by_forty() -> None:
    """Each bound is longer than the scaled limit, and too short for a second start."""
    deadlines = (
        load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds())
        .apps["backend"]
        .deadlines
    )
    assert 95 / 40 < deadlines.startup_s < 95 / 40 + 5
    assert deadlines.fail_fast_s == deadlines.startup_s
    assert 30 / 40 < deadlines.degraded_s < 95 / 40
    assert 75 / 40 + 60 / 40 < deadlines.recovery_s < 10


def test_what_is_left_out_gets_the_documented_defaults(folder: Path) -> None:
    """A minimal file is enough."""
    topology = load_topology(written(folder, MINIMAL), kinds=services.kinds())
    backend = topology.apps["backend"]
    assert topology.name == folder.name
    assert backend.deadlines == Deadlines()
    assert backend.port == 0
    assert backend.requests == {}
    assert backend.health.path == "/health"
    assert dict(backend.health.words) == dict(DEFAULT_WORDS)


def test_a_pool_is_declared_for_each_server(folder: Path) -> None:
    """Without a declaration there is none."""
    declared = load_topology(
        written(folder, MINIMAL + "[apps.backend.limits.pool]\npostgres = 8"),
        kinds=services.kinds(),
    )
    assert declared.apps["backend"].limits.pool == {"postgres": 8}
    assert (
        load_topology(written(folder, MINIMAL), kinds=services.kinds()).apps["backend"].limits.pool
        == {}
    )


def test_an_integer_of_seconds_is_a_number_like_any_other(folder: Path) -> None:
    """`startup_s = 5` is 5.0."""
    text = MINIMAL + "[apps.backend.deadlines]\nstartup_s = 5\n"
    assert (
        load_topology(written(folder, text), kinds=services.kinds())
        .apps["backend"]
        .deadlines.startup_s
        == 5.0
    )


CONTAINED = """
[apps.backend.container]
image = "shop:1"
[apps.backend.container.build]
context = "../shop"
args = { PIP_INDEX_URL = "x" }
[images]
python = "python:3.12.1-slim"
[attach]
toxiproxy = "http://127.0.0.1:8474"
[attach.apps.backend]
url = "http://staging:8080/"
[attach.links."backend.redis"]
proxy = "cache"
[attach.services.redis]
url = "redis://127.0.0.1:6379/1"
"""


def test_what_runs_in_containers_and_what_stands_already_are_read(folder: Path) -> None:
    """A build context is relative to the file. Whether it exists is not checked."""
    (folder / "inner").mkdir()
    topology = load_topology(written(folder / "inner", MINIMAL + CONTAINED), kinds=services.kinds())
    container = topology.apps["backend"].container
    assert container == Container(
        image="shop:1",
        build=Build(context=str(folder / "shop"), args={"PIP_INDEX_URL": "x"}),
    )
    assert topology.images == Images(python="python:3.12.1-slim")
    assert topology.attach == Attach(
        toxiproxy="http://127.0.0.1:8474",
        apps={"backend": "http://staging:8080"},
        links={"backend.redis": "cache"},
        services={"redis": "redis://127.0.0.1:6379/1"},
    )


def test_a_connectors_service_means_every_apps_link_to_it(folder: Path) -> None:
    """`postgres` means all links to it, `worker.redis` means one link."""
    text = (
        MINIMAL
        + '[apps.worker]\ncommand = ["worker"]\nlinks = ["postgres", "redis"]\n'
        + '[connectors.vpc]\nlinks = ["postgres", "worker.redis"]\n'
    )
    topology = load_topology(written(folder, text), kinds=services.kinds())
    assert topology.connectors["vpc"].links == (
        "backend.postgres",
        "worker.postgres",
        "worker.redis",
    )


def test_words_of_the_file_are_laid_over_the_known_ones(folder: Path) -> None:
    """The table of words extends the defaults. Words are case-insensitive."""
    text = MINIMAL + '[apps.backend.health.words]\nLimping = "degraded"\nWarn = "healthy"\n'
    health = load_topology(written(folder, text), kinds=services.kinds()).apps["backend"].health
    assert health.state_of(200, "LIMPING") is HealthState.DEGRADED
    assert health.state_of(200, "warn") is HealthState.HEALTHY
    assert health.state_of(200, "pass") is HealthState.HEALTHY


def test_the_nearest_file_upwards_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sub-folder, the file of the nearest folder above is used."""
    written(folder, MINIMAL + "port = 7001\n")
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    written(folder / "a", MINIMAL + "port = 7002\n")
    monkeypatch.chdir(inner)
    assert load_topology(kinds=services.kinds()).apps["backend"].port == 7002
    assert find_topology(folder) == folder / "chaoslab.toml"


def test_pyprojects_table_is_read_and_its_places_say_so(folder: Path) -> None:
    """[tool.chaoslab] is the same document, and places begin with tool.chaoslab."""
    shared = "[tool.chaoslab]" + MINIMAL.replace("[services", "[tool.chaoslab.services").replace(
        "[apps", "[tool.chaoslab.apps"
    )
    path = written(folder, shared, "pyproject.toml")
    assert load_topology(kinds=services.kinds()).source == str(path)
    written(folder, shared.replace('"redis"]', '"reddis"]'), "pyproject.toml")
    assert mistakes(None) == [
        "pyproject.toml: tool.chaoslab.apps.backend.links[1]: unknown service 'reddis'\n"
        "  expected one of: postgres, redis; did you mean 'redis'?"
    ]


def test_a_pyproject_without_the_table_is_passed_by(folder: Path) -> None:
    """The search continues above a pyproject.toml without [tool.chaoslab]."""
    own = written(folder, MINIMAL)
    (folder / "inner").mkdir()
    written(folder / "inner", "[tool.other]\n", "pyproject.toml")
    assert find_topology(folder / "inner") == own


def test_both_files_beside_each_other_are_refused(folder: Path) -> None:
    """It is not known which one is meant. Naming one of them is the fix."""
    path = written(folder, MINIMAL)
    written(folder, "[tool.chaoslab]\nname = 'other'\n", "pyproject.toml")
    (only,) = mistakes(None)
    assert only.startswith(
        "chaoslab.toml: pyproject.toml in the same folder also has [tool.chaoslab]"
    )
    assert load_topology(path, kinds=services.kinds()).source == str(path)


def test_a_broken_pyproject_does_not_hide_a_good_topology(folder: Path) -> None:
    """A broken file of another tool does not matter."""
    path = written(folder, MINIMAL)
    written(folder, "[tool.chaoslab\n", "pyproject.toml")
    assert load_topology(kinds=services.kinds()).source == str(path)


def test_a_missing_topology_is_reported_with_the_fix(folder: Path) -> None:
    """No file in or above the folder, a missing file, a pyproject.toml without the table."""
    (folder / "empty").mkdir()
    written(folder, "[tool.other]\n", "pyproject.toml")
    for path, said in (
        (None, "no chaoslab.toml and no [tool.chaoslab] here or in a folder above"),
        (folder / "empty", "it has no chaoslab.toml and no [tool.chaoslab]"),
        (folder / "absent.toml", "absent.toml: no such file"),
        (folder / "pyproject.toml", "pyproject.toml: has no table [tool.chaoslab]"),
    ):
        (only,) = mistakes(path)
        assert said in only
        assert "write a chaoslab.toml, as `chaoslab init` does for a service" in only


def test_a_file_that_cannot_be_read_is_reported(folder: Path) -> None:
    """Root may read every file, so the test uses a name that is too long."""
    path = written(folder, MINIMAL)
    path.chmod(0)
    if os.access(path, os.R_OK):
        path = folder / ("x" * 300 + ".toml")
    (only,) = mistakes(path)
    assert "cannot be read: " in only


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"name = \n", "chaoslab.toml:1:8: not valid TOML: Invalid value"),
        (b"[apps.a]\n[apps.a]\n", "chaoslab.toml:2:8: not valid TOML: Cannot declare"),
        (b'name = "a"\n\nname = "b"\n', "chaoslab.toml:3:11: not valid TOML: Cannot overwrite"),
        (b"name = 'a", "chaoslab.toml:1: not valid TOML: "),
        (b'# ok\nname = "caf\xe9"\n', "chaoslab.toml:2: not UTF-8\n  got the byte 0xe9"),
        (b"x = " + b"[" * 20_000, "chaoslab.toml: not valid TOML: nested too deeply"),
        (b"x = " + b"9" * 5_000, "chaoslab.toml: not valid TOML: Exceeds the limit"),
    ],
)
def test_invalid_toml_is_reported_with_its_line(folder: Path, data: bytes, said: str) -> None:
    """Syntax, encoding and deep nesting each give one clear message."""
    (folder / "chaoslab.toml").write_bytes(data)
    (only,) = mistakes(None)
    assert only.startswith(said)


def test_a_byte_order_mark_is_no_mistake(folder: Path) -> None:
    """Some editors write one."""
    (folder / "chaoslab.toml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_topology(kinds=services.kinds()).name == folder.name


def test_an_empty_file_asks_for_an_app(folder: Path) -> None:
    """An empty file is a mistake."""
    written(folder, "")
    assert mistakes(None) == [
        "chaoslab.toml: missing key 'apps'\n"
        "  expected at least one table, for example [apps.backend]"
    ]


def test_a_working_directory_that_is_gone_is_no_crash(folder: Path) -> None:
    """Another process removed it."""
    inner = folder / "gone"
    inner.mkdir()
    os.chdir(inner)
    inner.rmdir()
    (only,) = mistakes(None)
    assert "no chaoslab.toml" in only


def test_a_topology_survives_being_saved_and_read_again(folder: Path) -> None:
    """A run saves its topology as JSON, and verdicts need the same topology."""
    topology = load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds())
    everything = load_topology(written(folder, MINIMAL + CONTAINED), kinds=services.kinds())
    adapter = TypeAdapter(Topology)
    for each in (topology, everything):
        assert adapter.validate_json(adapter.dump_json(each)) == each


def test_a_topology_that_was_saved_before_there_were_containers_is_still_read() -> None:
    """A field that an older run does not have gets its default."""
    saved = [*(REPOSITORY / "tests" / "golden" / "runs").glob("*/topology.json")]
    assert saved
    for path in saved:
        topology = TypeAdapter(Topology).validate_json(path.read_bytes())
        assert (topology.images, topology.attach) == (Images(), None)
        assert all(app.container is None for app in topology.apps.values())


def test_how_seldom_an_app_is_to_be_asked_slows_every_cadence_of_it(folder: Path) -> None:
    """2 s replace 0.25 s and 0.05 s. Without it the cadences of the plan stay."""
    app = load_topology(
        written(folder, f"{MINIMAL}[apps.backend.health]\nperiod_s = 2\n"), kinds=services.kinds()
    ).apps["backend"]
    usual, slow = Sampling(), Sampling().of(app)
    assert (slow.cadence_s, slow.fast_s, slow.prober_cadence_s) == (2.0, 2.0, 2.0)
    assert slow.timeout_s == usual.timeout_s
    assert Sampling(cadence_s=5.0).of(app).cadence_s == 5.0
    assert (
        usual.of(load_topology(written(folder, MINIMAL), kinds=services.kinds()).apps["backend"])
        == usual
    )


@pytest.mark.parametrize("period", ["0", "-1", '"often"'])
def test_a_period_that_is_none_is_a_mistake(folder: Path, period: str) -> None:
    """The problem has the place, the expected value and the actual value."""
    path = written(folder, f"{MINIMAL}[apps.backend.health]\nperiod_s = {period}\n")
    assert any("period_s" in line and "above 0" in line for line in mistakes(path))
