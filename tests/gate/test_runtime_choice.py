"""Which runtime a gate chooses, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable, SpecError
from chaoslab.gate import runtime_choice
from chaoslab.gate.pytest_calls import CACHE, PytestCalls
from chaoslab.gate.result import ChosenRuntime
from chaoslab.gate.runtime_choice import check_workers, choose_runtime
from chaoslab.history.new_folder import new_folder
from chaoslab.model.gate import Gate, GateProxy, GateRuntime
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.choice import Choice
from chaoslab.runtimes.doctor.needs import Lack, RuntimeNeeds

TOPOLOGY = Topology(name="t", services={}, apps={}, source="/somewhere/chaoslab.toml")
NO_ENGINE = Lack(what="no Docker engine answers", fixes=("start one",))
NO_NAMESPACES = Lack(what="no namespaces", fixes=("allow them",), surely=False)
NO_IMAGE = Lack(what="image x is not here", fixes=("docker pull x",), surely=False)


def machine(monkeypatch: pytest.MonkeyPatch, *lacks: Lack) -> None:
    """A machine on which docker lacks that."""
    monkeypatch.setattr(runtime_choice, "look", lambda *_: None)
    needs = (
        RuntimeNeeds(runtime="loopback", lacks=()),
        RuntimeNeeds(runtime="docker", lacks=lacks),
        RuntimeNeeds(runtime="netns", lacks=(NO_NAMESPACES,)),
    )
    monkeypatch.setattr(runtime_choice, "needs_of", lambda _: needs)
    monkeypatch.setattr(runtime_choice, "choose", chosen)


def chosen(asked: str, topology: Topology, proxy: ProxyKind) -> Choice:
    """A machine without namespaces."""
    if asked == "local":
        return Choice(runtime="loopback", why="not netns: no namespaces (fix: allow them)")
    return Choice(runtime=asked)


def test_auto_takes_docker_where_the_doctor_calls_it_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And local everywhere else, with what docker lacks."""
    machine(monkeypatch)
    assert choose_runtime("auto", "auto", TOPOLOGY).taken == "docker"
    for lack in (NO_ENGINE, NO_IMAGE):
        machine(monkeypatch, lack)
        taken = choose_runtime("auto", "auto", TOPOLOGY)
        assert taken.taken == "loopback"
        assert taken.why.startswith(f"docker is not ready here: {lack.what}; not netns: no name")


def test_docker_by_name_is_never_swapped_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing engine is an error with its fix; a missing image may still be pulled."""
    machine(monkeypatch, NO_IMAGE)
    assert choose_runtime("docker", "auto", TOPOLOGY).taken == "docker"
    machine(monkeypatch, NO_ENGINE)
    with pytest.raises(RuntimeUnavailable, match="not ready: no Docker engine answers") as found:
        choose_runtime("docker", "auto", TOPOLOGY)
    assert [problem.code for problem in found.value.problems] == ["runtime.not_ready"]


def test_local_by_name_looks_at_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look costs seconds."""
    machine(monkeypatch)
    monkeypatch.setattr(runtime_choice, "look", None)
    assert choose_runtime("local", "auto", TOPOLOGY).taken == "loopback"
    assert choose_runtime("loopback", "auto", TOPOLOGY).taken == "loopback"


def test_netns_by_name_is_held_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own lacks are named, not those of docker; a Toxiproxy cannot run there."""
    machine(monkeypatch)
    assert (
        choose_runtime("netns", "auto", TOPOLOGY).text == "netns, the embedded engine on the links"
    )
    with pytest.raises(RuntimeUnavailable, match="runs the embedded proxy only"):
        choose_runtime("netns", "toxiproxy", TOPOLOGY)


def test_the_proxy_is_the_runtimes_usual_one_unless_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On docker a gate can so be decided that a real Toxiproxy would leave undecided."""
    machine(monkeypatch)
    monkeypatch.setattr(runtime_choice, "toxiproxy_program", lambda: "/bin/toxiproxy-server")
    asked: list[tuple[GateRuntime, GateProxy]] = [
        ("docker", "auto"),
        ("docker", "embedded"),
        ("local", "auto"),
        ("local", "toxiproxy"),
    ]
    texts = [choose_runtime(runtime, proxy, TOPOLOGY).text for runtime, proxy in asked]
    assert texts == [
        "docker, a real Toxiproxy on the links",
        "docker, the embedded engine on the links",
        "loopback, the embedded engine on the links",
        "loopback, a real Toxiproxy on the links",
    ]


def test_a_missing_toxiproxy_is_reported_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only where it must come from PATH; in containers it is an image."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailable, match="toxiproxy-server is not on PATH"):
        choose_runtime("local", "toxiproxy", TOPOLOGY)
    machine(monkeypatch)
    assert choose_runtime("docker", "toxiproxy", TOPOLOGY).proxy == "toxiproxy"


def calls(workers: int) -> PytestCalls:
    taken = ChosenRuntime(asked="auto", taken="loopback", why="", proxy="toxiproxy")
    gate = Gate(stages=(), workers=workers)
    return PytestCalls(topology=TOPOLOGY, gate=gate, runtime=taken, commands=("app=x y",))


def test_without_xdist_one_worker_works_and_two_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is only in the development extras."""
    monkeypatch.setattr(runtime_choice.importlib.util, "find_spec", lambda _: None)
    check_workers(1)
    assert "-n" not in calls(1).stage("m", Path("/f")).command
    with pytest.raises(RuntimeUnavailable, match="needs pytest-xdist, which is not installed"):
        check_workers(2)


def test_a_stages_command_line_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignores the environment's options and passes the build, the runtime and the folder."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k some")
    call = calls(2).stage("one or two", Path("/f"))
    words = call.command
    assert "PYTEST_ADDOPTS" not in call.env
    assert words[words.index("-m", 3) + 1] == "one or two"
    assert words[words.index("-n") + 1] == "2"
    assert {
        "--chaos-runtime=loopback",
        "--chaos-proxy=toxiproxy",
        "--chaos-command=app=x y",
        "--chaos-topology=/somewhere/chaoslab.toml",
        "--chaos-report=/f/report.jsonl",
        f"--override-ini=cache_dir=/f/{CACHE}",
    } <= set(words)
    assert call.cwd == Path("/somewhere")


def test_a_folder_that_cannot_be_made_is_an_error() -> None:
    """The user's mistake, with its fix: exit 2."""
    with pytest.raises(SpecError, match=r"/dev/null/gate-1: cannot be written: Not a directory"):
        new_folder(Path("/dev/null/gate-1"))
