"""deploy/alerts.yaml, held to the metrics that the real backend serves.

What Prometheus would make of them is said by promtool. Where there is none, the tests assert the
values on which the rules rest, and are then skipped with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaoslab.reference.backend.profiles import PRODUCTION, STAGING

from .conftest import PATIENT
from .process import BackendProcess
from .relay import Relay
from .scrapes import RULES, TARGET, Scrape, assert_fires, promtool, scrape, value
from .servers import free_port, wait_until

Boot = Callable[..., BackendProcess]
BYPASS = {"EMERGENCY_ALLOW_NO_DATABASE": "true"}
LIMIT_S = 60.0  # only ends a test that hangs
# Limits that a slow machine does not reach: no test here is about them.
CALM = {
    **PATIENT,
    "LIMIT_CONNECT_S": "60",
    "LIMIT_INIT_S": "90",
    "LIMIT_REDIS_CONNECT_S": "5",
    "LIMIT_REDIS_CONNECT_PING_S": "5",
    "LIMIT_REDIS_CHECK_S": "5",
}
TESTS = RULES.with_name("alerts.test.yaml")
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUPS[0]["rules"]}
SETS = re.compile(r"\b(?:on|ignoring|by|without)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([a-z_:][\w:]*)?\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*[=!]")
# Words of PromQL that an expression may hold outside its selectors.
WORDS = {"unless", "absent"}


def scrape_when(backend: BackendProcess, status: str) -> Scrape:
    """A scrape once /health has this status."""
    backend.wait_for(status, LIMIT_S)
    return scrape(backend)


def without_servers(path: Relay, log: Path, **environment: str) -> BackendProcess:
    """A start at which both dependencies are away: no server is behind the path."""
    given = {
        "PROFILE": "lab",
        "DATABASE_URL": f"postgresql://app@127.0.0.1:{path.port}/postgres",
        "REDIS_URL": f"redis://127.0.0.1:{path.port}/0",
    }
    return BackendProcess(given | CALM | environment, log)


@pytest.fixture(scope="module")
def degraded(tmp_path_factory: pytest.TempPathFactory) -> list[Scrape]:
    """A start without any server, with the bypass: the first scrape is from before its use."""
    log = tmp_path_factory.mktemp("degraded") / "backend.log"
    with Relay(free_port()) as path:
        path.cut("silent")
        backend = without_servers(path, log, **BYPASS)
        try:
            backend.wait_for("starting", LIMIT_S)
            wait_until(
                lambda: backend.get("/health").json()["phase"] == "database",
                LIMIT_S,
                "the phase DATABASE begins",
            )
            scrapes = [scrape(backend)]
            path.cut("refused")
            scrapes.append(scrape_when(backend, "degraded"))
            return scrapes + [scrape(backend) for _ in range(12)]
        finally:
            backend.kill()


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that it selects or matches on."""
    matched = {label.strip() for found in SETS.findall(expression) for label in found.split(",")}
    return [
        (name, set(LABEL.findall(labels)) | matched)
        for name, labels in SELECTOR.findall(expression)
    ]


def test_there_is_one_group_and_each_rule_says_what_is_seen_and_what_to_do() -> None:
    """A rule with a missing part would fire, and tell nobody anything."""
    assert [group["name"] for group in GROUPS] == ["backend"]
    assert len(ALERTS) == len(GROUPS[0]["rules"])
    for rule in ALERTS.values():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"].keys() == {"severity"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert all(rule["annotations"].values())


@pytest.mark.parametrize("alert", ALERTS)
def test_a_rule_uses_only_metrics_and_labels_that_the_backend_serves(
    alert: str, degraded: list[Scrape]
) -> None:
    """A renamed metric would make a rule that never fires."""
    served: dict[str, set[str]] = {}
    for name in (name for scraped in degraded for name in scraped):
        metric, _, labels = name.partition("{")
        served.setdefault(metric, set()).update(LABEL.findall(labels))
    expression = ALERTS[alert]["expr"]
    used = selectors(expression)
    assert used
    for metric, labels in used:
        assert labels <= served[metric], f"{metric} has no such label"
    # Nothing else may be a metric: each has its braces, with the job in them.
    rest = SELECTOR.sub("", SETS.sub("", expression))
    assert set(re.findall(r"[a-z_]\w*", rest)) <= WORDS
    assert expression.count(f'job="{TARGET["job"]}"') == len(used)
    texts = " ".join(ALERTS[alert]["annotations"].values())
    told = set(re.findall(r"\$labels\.(\w+)", texts))
    assert told <= set.union(*(served[metric] for metric, _ in used))


@pytest.mark.parametrize("limits", [STAGING, PRODUCTION], ids=["staging", "production"])
def test_the_start_up_may_take_all_the_time_that_its_profile_gives_it(limits: Any) -> None:
    """An alert about a start that is still within its limits would be ignored soon."""
    minutes = re.fullmatch(r"(\d+)m", ALERTS["BackendStartupNotComplete"]["for"])
    assert minutes
    assert limits.init_s < int(minutes[1]) * 60 < 2 * limits.init_s


def test_promtool_takes_the_rules_and_their_tests() -> None:
    """Each fires when it should and not before, in the tests beside the rules."""
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", RULES)
    assert "SUCCESS" in promtool("test", "rules", TESTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_tests_beside_the_rules_see_each_fire_and_not_fire(alert: str) -> None:
    """Told from the file alone, so a new rule without tests fails also where promtool is not."""
    tests = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    expected = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == alert]
    assert set(expected) == {True, False}


def test_a_degraded_start_fires_the_bypass_at_once_and_degraded_after_ten_minutes(
    degraded: list[Scrape], tmp_path: Path
) -> None:
    """Not while it still starts; one scrape counts as one minute."""
    starting, *after = degraded
    assert value(starting, "startup_complete") == 0
    assert value(starting, "dependency_up", dependency="postgres") == 0
    for dependency in ("postgres", "redis"):
        name = "emergency_bypass_activated_total"
        assert value(starting, name, dependency=dependency) is None
        assert [value(each, name, dependency=dependency) for each in after] == [1] * 13
        assert {value(each, "dependency_up", dependency=dependency) for each in after} == {0}
    assert {value(each, "startup_complete") for each in after} == {1}
    # Postgres is away from minute 0, Redis from minute 1.
    expected = {"EmergencyBypassInUse": range(1, 14), "BackendDegraded": range(10, 14)}
    assert_fires(degraded, expected, tmp_path)


def test_after_the_repair_the_bypass_fires_until_a_restart_without_it(
    boot: Boot, postgres_path: Relay, tmp_path: Path
) -> None:
    """Healthy again is not enough: the mode of the start-up is what it was."""
    postgres_path.cut("refused")
    backend = boot(**CALM, **BYPASS)
    scrapes = [scrape_when(backend, "degraded")]
    postgres_path.heal()
    scrapes += [scrape_when(backend, "healthy"), scrape(backend)]
    backend.stop()
    scrapes.append(scrape(backend))
    backend = boot(**CALM, EMERGENCY_ALLOW_NO_DATABASE="false")
    scrapes.append(scrape_when(backend, "healthy"))
    assert backend.get("/health").json()["startup_mode"] == "normal"

    used = [
        value(each, "emergency_bypass_activated_total", dependency="postgres") for each in scrapes
    ]
    assert used == [1, 1, 1, None, None]
    assert [value(each, "up") for each in scrapes] == [1, 1, 1, 0, 1]
    assert_fires(scrapes, {"EmergencyBypassInUse": range(3)}, tmp_path)


def test_a_normal_start_fires_nothing(boot: Boot, tmp_path: Path) -> None:
    """Also where the bypass is allowed, as in deploy/staging.yaml: it is not used."""
    backend = boot(**CALM, **BYPASS)
    scrapes = [scrape_when(backend, "healthy")]
    scrapes += [scrape(backend) for _ in range(12)]
    for each in scrapes:
        assert value(each, "startup_complete") == 1
        assert value(each, "emergency_bypass_activated_total", dependency="postgres") is None
        assert value(each, "dependency_up", dependency="postgres") == 1
        assert value(each, "dependency_up", dependency="redis") == 1
    assert_fires(scrapes, {}, tmp_path)


def test_starts_that_fail_again_and_again_fire_the_start_up_alone(tmp_path: Path) -> None:
    """Half of the scrapes find a process whose start has failed, the others none."""
    scrapes: list[Scrape] = []
    with Relay(free_port()) as path:
        path.cut("refused")
        for number in range(2):
            log = tmp_path / f"backend-{number}.log"
            backend = without_servers(path, log, LIMIT_LINGER_S="60")
            try:
                scrapes.append(scrape_when(backend, "unhealthy"))
            finally:
                backend.process.kill()
                backend.process.wait(10)
            scrapes.append(scrape(backend))
            backend.kill()
    assert [value(each, "startup_complete") for each in scrapes] == [0, None, 0, None]
    assert [value(each, "up") for each in scrapes] == [1, 0, 1, 0]
    assert_fires(scrapes, {"BackendStartupNotComplete": (2, 3)}, tmp_path)
