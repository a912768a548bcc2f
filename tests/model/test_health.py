"""Answers of health in common conventions, each read as one of four states."""

from __future__ import annotations

import pytest

from chaoslab.model.health import HealthContract, HealthState

HEALTHY, DEGRADED, UNHEALTHY = HealthState.HEALTHY, HealthState.DEGRADED, HealthState.UNHEALTHY

CONVENTIONS = [
    ("IETF health+json", 200, "pass", HEALTHY),
    ("IETF health+json", 302, "pass", HEALTHY),
    ("IETF health+json", 200, "warn", DEGRADED),
    ("IETF health+json", 302, "warn", DEGRADED),
    ("IETF health+json", 503, "fail", UNHEALTHY),
    ("ASP.NET Core", 200, "Healthy", HEALTHY),
    ("ASP.NET Core", 200, "Degraded", DEGRADED),
    ("ASP.NET Core", 503, "Unhealthy", UNHEALTHY),
    ("Spring Boot", 200, "UP", HEALTHY),
    ("Spring Boot", 503, "DOWN", UNHEALTHY),
    ("Spring Boot", 503, "OUT_OF_SERVICE", UNHEALTHY),
    ("Spring Boot", 200, "UNKNOWN", UNHEALTHY),
    ("MicroProfile", 200, "UP", HEALTHY),
    ("MicroProfile", 503, "DOWN", UNHEALTHY),
    ("Consul", 200, "passing", HEALTHY),
    ("Consul", 429, "warning", DEGRADED),
    ("Consul", 503, "critical", UNHEALTHY),
    ("Directus", 200, "ok", HEALTHY),
    ("Directus", 200, "warn", DEGRADED),
    ("Directus", 503, "error", UNHEALTHY),
    ("the incident", 200, "healthy", HEALTHY),
    ("the incident", 200, "degraded", DEGRADED),
    ("the incident", 503, "starting", UNHEALTHY),
]


@pytest.mark.parametrize(("_convention", "code", "word", "state"), CONVENTIONS)
def test_the_common_conventions_are_read(
    _convention: str,
    code: int,
    word: str,
    state: HealthState,
) -> None:
    """Every contract knows these words."""
    assert HealthContract().state_of(code, word) is state


@pytest.mark.parametrize("code", [400, 404, 500, 502, 503, 504])
@pytest.mark.parametrize("word", ["healthy", "degraded", None])
def test_an_error_status_is_unhealthy_whatever_the_body_says(code: int, word: str | None) -> None:
    """A load balancer acts on the status code."""
    assert HealthContract().state_of(code, word) is UNHEALTHY


@pytest.mark.parametrize("word", ["", "banana", "degraded!", None])
def test_what_cannot_be_read_is_not_healthy(word: str | None) -> None:
    """The word is unknown, or missing where one is expected."""
    assert HealthContract().state_of(200, word) is UNHEALTHY


@pytest.mark.parametrize("word", ["healthy", "UP", "ok", "degraded"])
def test_a_redirect_is_no_answer_but_in_the_ietfs_own_words(word: str) -> None:
    """A login page answers 302 as well."""
    assert HealthContract().state_of(302, word) is UNHEALTHY


def test_a_contract_without_a_word_goes_by_the_status_alone() -> None:
    """200 is healthy. A redirect is not."""
    contract = HealthContract(status_field="")
    assert contract.state_of(200, None) is HEALTHY
    assert contract.state_of(204, None) is HEALTHY
    assert contract.state_of(302, None) is UNHEALTHY
    assert contract.state_of(503, None) is UNHEALTHY


def test_a_contract_may_explain_words_of_its_own() -> None:
    """Custom states of Spring Boot come with 200."""
    contract = HealthContract(words={"limping": DEGRADED, "up": HEALTHY})
    assert contract.state_of(200, "LIMPING") is DEGRADED
    assert contract.state_of(200, "degraded") is UNHEALTHY


def test_lost_is_everything_that_is_not_called_healthy() -> None:
    """In alphabetical order."""
    said = {"redis": "DOWN", "postgres": "up", "search": "warn", "mail": "banana"}
    assert HealthContract().lost(said) == ("mail", "redis", "search")
    assert HealthContract().lost({}) == ()
