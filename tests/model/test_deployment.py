"""`[deployment]`: paths into the file, the data that the loader makes, and every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.model.deployment import Bypass, Deployment, Pool, Window
from chaoslab.model.deployment_path import Index, Key, Step, Where, is_figure, parsed, written
from chaoslab.model.loader import load_topology
from chaoslab.model.topology import Topology

MINIMAL = """
version = 1
[services.postgres]
kind = "postgres"
[services.redis]
kind = "redis"
[apps.backend]
command = ["a"]
links = ["postgres", "redis"]
[apps.worker]
command = ["b"]
links = ["postgres"]
"""


def where(**values: str) -> Where:
    return Where(conditions=tuple(((key,), value) for key, value in values.items()))


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", [Key(name="a")]),
        ("a.b-c/d", [Key(name="a"), Key(name="b-c/d")]),
        ('a."b.c".d', [Key(name="a"), Key(name="b.c"), Key(name="d")]),
        ("a.'b]c'", [Key(name="a"), Key(name="b]c")]),
        ("a[0].b", [Key(name="a"), Index(number=0), Key(name="b")]),
        ("a[0][12]", [Key(name="a"), Index(number=0), Index(number=12)]),
        ("a[name=x y]", [Key(name="a"), where(name="x y")]),
        ("a[name = x, kind=y]", [Key(name="a"), where(name="x", kind="y")]),
        ('a[name="x, ]y"]', [Key(name="a"), where(name="x, ]y")]),
        ("[kind=Service].a", [where(kind="Service"), Key(name="a")]),
        (
            "[metadata.name=x]",
            [Where(conditions=((("metadata", "name"), "x"),))],
        ),
    ],
)
def test_a_path_is_keys_indexes_and_conditions(path: str, steps: list[Step]) -> None:
    """Keys with dots are quoted. Items of lists are found by number or by their values."""
    assert [*parsed(path)] == steps


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "empty"),
        (".a", "no key at character 1"),
        ("a.", "no key at character 3"),
        ("a..b", "no key at character 3"),
        ("a b", "no key at character 2"),
        ("a[0]b", "no key at character 5"),
        ("a[", "the '[' at character 2 is not closed"),
        ("a[]", "the '[' at character 2 has no index and no key=value"),
        ("a[-1]", "the '[' at character 2 has no index and no key=value"),
        ("a[x]", "the '[' at character 2 has no index and no key=value"),
        ("a[x=]", "the '[' at character 2 has no index and no key=value"),
        ("a[x=1,]", "the '[' at character 2 has no index and no key=value"),
        ("a[x=1 y=2 z]", ""),
        ("a.'b", "no key at character 3"),
        ("$A", "no key at character 1"),
        ("a\nb", "no key"),
    ],
)
def test_an_invalid_path_is_reported_with_its_character(path: str, said: str) -> None:
    """The loader refuses the path before any file is read."""
    if not said:  # a value may hold spaces and '=': it is a text of the user's file
        assert parsed(path)
        return
    with pytest.raises(ValueError, match="^" + said.replace("[", r"\[")):
        parsed(path)


def test_steps_are_written_as_a_path_has_them() -> None:
    """Messages show at which step a path failed."""
    assert [written(step) for step in parsed('a."b.c"[0][n.m=x]')] == [
        "a",
        '"b.c"',
        "[0]",
        "[n.m=x]",
    ]


@pytest.mark.parametrize(
    ("text", "holds"),
    [("$PORT", True), ("$A_1", True), ("a.b", True), ("$", False), ("$a.b", False), ("8 0", False)],
)
def test_a_figure_is_a_path_or_a_variable(text: str, holds: bool) -> None:
    """`$NAME` means the value of a variable."""
    assert is_figure(text) is holds


def loaded(folder: Path, text: str) -> Topology:
    path = folder / "chaoslab.toml"
    path.write_text(MINIMAL + text, encoding="utf-8")
    return load_topology(path, kinds=services.kinds())


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        loaded(folder, text)
    return [str(each).partition("chaoslab.toml: ")[2] for each in caught.value.problems]


WHOLE = """
[deployment]
file = "../deploy/app.yaml"
root = "[kind=Service].spec"
env = "containers[0].env"
required = ["A", "B"]
ports = ["$PORT", "containers[0].port", 8080]
[deployment.bypass]
variable = "SKIP"
profile = "PROFILE"
allowed_in = ["test"]
on = ["Yes"]
[deployment.window]
initial_delay_s = 0
period_s = "probe.period"
failures = "probe.failures"
startup_s = 95
[deployment.pool]
size = ["$POOL", 1]
instances = "scaling.max"
limit = 100
[deployment.paths]
postgres = "DATABASE_URL"
"backend.redis" = "REDIS_URL"
"""


def test_the_whole_table_becomes_plain_data(tmp_path: Path) -> None:
    """The file is relative to the topology. The name of a service means every link to it."""
    folder = tmp_path / "inner"
    folder.mkdir()
    topology = loaded(folder, WHOLE)
    assert topology.deployment == Deployment(
        file=str(tmp_path / "deploy" / "app.yaml"),
        root="[kind=Service].spec",
        env="containers[0].env",
        required=("A", "B"),
        bypass=Bypass(variable="SKIP", profile="PROFILE", allowed_in=("test",), on=("yes",)),
        window=Window(
            initial_delay_s=0.0, period_s="probe.period", failures="probe.failures", startup_s=95.0
        ),
        pool=Pool(size=("$POOL", 1.0), instances=("scaling.max",), limit=100.0),
        ports=("$PORT", "containers[0].port", 8080.0),
        paths={
            "backend.postgres": "DATABASE_URL",
            "worker.postgres": "DATABASE_URL",
            "backend.redis": "REDIS_URL",
        },
    )
    adapter = TypeAdapter(Topology)
    assert adapter.validate_json(adapter.dump_json(topology)) == topology


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[deployment]\nfile = "a.yaml"\n',
            "deployment: has no rule: nothing to check\n"
            "  expected one of: required, bypass, window, pool, ports, paths",
        ),
        ("[deployment]\nports = [1, 2]\n", "deployment: missing key 'file'"),
        (
            '[deployment]\nfile = "a.yaml"\nrequired = ["A"]\n',
            "deployment.required: the place of the variable 'A' is not declared\n"
            "  add env, the path of the app's variables, to [deployment]",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nports = ["$PORT", 80]\n',
            "deployment.ports: the place of the variable 'PORT' is not declared",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nports = [80]\n',
            "deployment.ports: got one port\n  expected two or more ports to compare",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nports = [80, "a["]\n',
            "deployment.ports[1]: got 'a[' (a string)\n  expected a list, each a number of 0",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nports = [80, true]\n',
            "deployment.ports[1]: got true (a boolean)",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nports = [80, -1]\n',
            "deployment.ports[1]: got -1 (a whole number)",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nenv = "e"\nrequired = ["A", "A"]\n',
            "deployment.required[1]: 'A' is named twice\n  expected each variable once",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nenv = "e"\n[deployment.paths]\npostgress = "A"\n',
            "deployment.paths.postgress: no app has a link 'postgress'\n  expected one of: postgre",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nenv = "e"\n'
            '[deployment.paths]\npostgres = "A"\n"worker.postgres" = "B"\n',
            "deployment.paths.\"worker.postgres\": link 'worker.postgres' already has a variable",
        ),
        (
            '[deployment]\nfile = "a.yaml"\n[deployment.pool]\nsize = []\ninstances = 1\nlimit = 1',
            "deployment.pool.size: got nothing (a list)",
        ),
        (
            '[deployment]\nfile = "a.yaml"\nports = [1, 2]\nprots = [1, 2]\n',
            "deployment.prots: unknown key 'prots'",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """Problems have the same form and order as all others."""
    assert any(each.startswith(said) for each in mistakes(tmp_path, text)), mistakes(tmp_path, text)
