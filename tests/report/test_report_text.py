"""The tables: every figure with its count, and notes below for few values."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_boots import MakeRun, degraded_then_recovered, exited, spawned
from rich.console import Console, RenderableType

from chaoslab import services
from chaoslab.model.health import DEFAULT_WORDS, HealthState
from chaoslab.model.loader import load_topology
from chaoslab.report.boots import boots
from chaoslab.report.text import latencies
from chaoslab.report.topology_text import topology_tree

REPOSITORY = Path(__file__).parents[2]


def printed(renderable: RenderableType, width: int = 120) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def test_one_run_is_shown_by_its_medians(make_run: MakeRun) -> None:
    """The table of a single run has no difference, and a note that one boot has no p95."""
    text = printed(latencies(boots([make_run("one")])))
    (row,) = [line for line in text.splitlines() if "severed_before_start" in line]
    assert row.split() == [
        *("severed_before_start", "1", "0.250", "0.500", "1.500", "-", "1.500", "0.750", "-"),
    ]
    assert "delta" not in text
    assert "Below 20 boots there is no p95" in text


def test_several_runs_are_compared_to_the_first(make_run: MakeRun) -> None:
    """Six boots a run get an interval; the last line speaks of all scenarios together."""
    for index in range(6):
        make_run("one", scenario=f"s{index}")
        make_run("two", degraded_then_recovered(1.75 + index / 100), scenario=f"s{index}")
    runs = [make_run("one", scenario="s0"), make_run("two", [spawned(0.0)], scenario="extra")]
    text = printed(latencies(boots(runs)))
    assert "delta of complete" in text
    assert "+0.250 (n<5)" in text
    assert "two minus the first run, over all scenarios: +0.275 (+0.2" in text
    assert "; significant difference." in text


def test_few_scenarios_in_common_are_not_judged(make_run: MakeRun) -> None:
    """One scenario in each run cannot show that runs are alike, nor that they differ."""
    text = printed(latencies(boots([make_run("one"), make_run("two")])))
    assert "+0.000 (n<5) s; too few common scenarios to decide." in text


def test_incomplete_start_ups_are_counted_in_a_note(make_run: MakeRun) -> None:
    """A median of survivors must not pass for the median of all."""
    text = printed(latencies(boots([make_run("one", [spawned(0.0), exited(1, 3, asked=False)])])))
    assert "0 of 1" in text
    assert "1 of 1 boots did not complete their start-up" in text


def test_a_second_boot_has_a_row_of_its_own(make_run: MakeRun) -> None:
    """A restart after the repair is another kind of boot than the one under the fault."""
    events = [*degraded_then_recovered(), exited(6.0, 0, asked=True), spawned(7.0, boot=2)]
    text = printed(latencies(boots([make_run("one", events)])))
    assert "severed_before_start, boot 2" in text


def test_the_table_of_nothing_is_still_a_table(make_run: MakeRun) -> None:
    """No boots at all: no crash and no figures."""
    assert "Start-up latency" in printed(latencies(boots([make_run("one", [])])))


def test_a_narrow_terminal_folds_names_and_keeps_the_figures(make_run: MakeRun) -> None:
    """80 columns are enough for every figure."""
    text = printed(latencies(boots([make_run("one")])), width=80)
    assert all(figure in text for figure in ("0.250", "0.500", "1.500", "0.750"))
    assert max(map(len, text.splitlines())) <= 80


def test_check_shows_all_that_it_understood() -> None:
    """Names, links, placeholders, paths, bounds with their units, the write, the connector."""
    text = printed(
        topology_tree(load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds()))
    )
    for part in (
        "postgres: postgres, used by backend",
        "command: {python} -m chaoslab.reference.backend",
        "port: any free one",
        "{redis.url}",
        "/health/startup",
        "startup_s",
        "phases              init, dependencies, database, cache, services, websocket, finalize",
        "write: write, POST /threads, found in postgres: threads.id, exactly once",
        "vpc: backend.postgres, backend.redis",
        "connects_per_s     20",
        "runtime: auto, proxy: embedded, workers: 1",
        "slow: every answer to a write takes over 0.375 s, for 2 s",
        "2. P1 critical: -m 'vpc_outage', 95% must pass in 600 s, aborted by p1, unreachable",
        "required, bypass, window, pool, ports",
        "backend.postgres by $DATABASE_URL",
        "faults may target: vpc, backend.postgres, backend.redis, postgres, redis",
    ):
        assert part in text


@pytest.mark.parametrize("own", [True, False])
def test_check_shows_words_only_where_the_file_adds_some(tmp_path: Path, own: bool) -> None:
    """The known words are documented; what differs from them is what a reader must see."""
    words = '[apps.a.health.words]\nlimping = "degraded"\npass = "healthy"\n' if own else ""
    path = tmp_path / "chaoslab.toml"
    path.write_text(f'version = 1\n[apps.a]\ncommand = ["x"]\n{words}', encoding="utf-8")
    text = printed(topology_tree(load_topology(path, kinds=services.kinds())))
    assert ("limping = degraded" in text) is own
    assert "pass = healthy" not in text
    assert DEFAULT_WORDS["pass"] is HealthState.HEALTHY
    assert "connectors: none" in text
    assert "no write declared" in text


def test_check_shows_the_users_of_a_job(tmp_path: Path) -> None:
    """With the path at which each subscribes."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        'version = 1\n[apps.a]\ncommand = ["x"]\n[apps.a.requests.chat]\nkind = "job"\n'
        'path = "/chats/{id}/{user}"\nusers = ["ann", "ben"]\n'
        'found = { websocket = "/ws/{user}" }\n',
        encoding="utf-8",
    )
    text = printed(topology_tree(load_topology(path, kinds=services.kinds())), width=200)
    assert (
        "chat: job, POST /chats/{id}/{user}, as ann, ben, found in the events at /ws/{user}" in text
    )


def test_check_lists_the_rules_that_are_not_checked(tmp_path: Path) -> None:
    """What is not checked must not look as if it had been; and no gate is shown where none is."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        'version = 1\n[apps.a]\ncommand = ["x"]\n'
        '[deployment]\nfile = "../a.yaml"\nrequired = ["HOST"]\nenv = "e"\n',
        encoding="utf-8",
    )
    words = " ".join(printed(topology_tree(load_topology(path, kinds=services.kinds()))).split())
    assert "file ../a.yaml" in words
    assert "checked required" in words
    assert "not checked bypass, window, pool, ports" in words
    assert "live no path" in words
    assert "gate" not in words


def test_check_shows_the_parts_of_attach_without_passwords(tmp_path: Path) -> None:
    """What is shown lands in logs that more people read than the file."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        """
        version = 1
        [services.db]
        kind = "postgres"
        [apps.a]
        command = ["x"]
        links = ["db"]
        [attach]
        toxiproxy = "http://127.0.0.1:8474"
        [attach.apps.a]
        url = "http://staging:8080"
        [attach.links."a.db"]
        proxy = "pg"
        [attach.services.db]
        url = "postgresql://app:hunter2@staging:5432/app"
        """,
        encoding="utf-8",
    )
    text = printed(topology_tree(load_topology(path, kinds=services.kinds())))
    for part in (
        "http://127.0.0.1:8474",
        "http://staging:8080",
        "proxy pg",
        "app:***@staging:5432",
    ):
        assert part in text
    assert "hunter2" not in text
    assert "images" not in text


def test_check_shows_a_supervisor_only_where_the_file_has_one(tmp_path: Path) -> None:
    """With every figure that it has."""
    path = tmp_path / "chaoslab.toml"
    app = 'version = 1\n[apps.a]\ncommand = ["x"]\n'
    for own in ("", '[apps.a.supervisor]\nrestart = "on_failure"\n'):
        path.write_text(app + own, encoding="utf-8")
        text = printed(topology_tree(load_topology(path, kinds=services.kinds())))
        assert ("── supervisor" in text) is bool(own)
    rows = {row.strip("│├└─ ") for row in text.splitlines()}
    assert {"backoff_max_s      5", "liveness           false"} <= rows
    assert "restart            on_failure" in text
