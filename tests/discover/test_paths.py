"""Which path is health, readiness or liveness: by its answers first, and by its name."""

from __future__ import annotations

import pytest

from chaoslab.discover.booting import unlike
from chaoslab.discover.dialect import health_keys
from chaoslab.discover.findings import Findings, PathAnswer, PathFound
from chaoslab.discover.paths import (
    USUAL,
    Named,
    is_live,
    is_ready,
    not_declared,
    not_health,
    with_roles,
)

GOOD, BAD = PathAnswer(status=200, body="ok"), PathAnswer(status=503, body="no")


def found(path: str, *noticed: str) -> PathFound:
    """A path that notices those services, of two."""
    severed = {name: BAD if name in noticed else GOOD for name in ("postgres", "redis")}
    return PathFound(path=path, steady=GOOD, severed=severed)


def roles(*paths: PathFound, named: Named | None = None) -> dict[str, str]:
    return {each.path: each.role for each in with_roles(paths, named or Named())}


def test_the_path_that_notices_is_health() -> None:
    """Health is the path that noticed most; liveness is one that noticed nothing, by its name."""
    assert roles(
        found("/health"),
        found("/status", "postgres", "redis"),
        found("/up", "redis"),
        found("/livez"),
    ) == {
        "/health": "does not notice",
        "/status": "health",
        "/up": "notices",
        "/livez": "live",
    }


def test_readiness_is_health_only_if_no_other_path_notices() -> None:
    """A path of the whole app goes before readiness, and readiness before nothing."""
    both = roles(found("/readyz", "postgres"), found("/healthz", "postgres"))
    assert both == {"/readyz": "ready", "/healthz": "health"}
    assert roles(found("/readyz", "postgres"), found("/healthz")) == {
        "/readyz": "health",
        "/healthz": "does not notice",
    }


def test_a_path_of_liveness_that_notices_is_no_liveness() -> None:
    """A path called live that a loss changes is not labelled liveness."""
    assert roles(found("/live", "postgres"), found("/health", "postgres"))["/live"] == "notices"


def test_a_path_that_notices_nothing_is_not_liveness_without_the_name() -> None:
    """Only a name or the user makes such a path liveness."""
    assert roles(found("/health")) == {"/health": "does not notice"}
    assert roles(found("/health"), named=Named(live="/health")) == {"/health": "live"}


def test_what_the_user_names_goes_first() -> None:
    """The user's paths have their roles whatever they answered."""
    named = Named(health="/a", ready="/b", request="/c")
    got = roles(
        found("/a"), found("/b"), found("/c", "postgres"), found("/d", "redis"), named=named
    )
    assert got == {"/a": "health", "/b": "ready", "/c": "notices", "/d": "notices"}


@pytest.mark.parametrize("path", USUAL)
def test_no_usual_path_is_both(path: str) -> None:
    """A usual path is liveness, readiness or neither by its name."""
    assert not (is_live(path) and is_ready(path))


def test_an_app_that_answers_everything_alike_has_no_health() -> None:
    """The same page for every path says nothing about health."""
    page = PathAnswer(status=200, body="<html>")
    assert not unlike(page, page)
    assert unlike(page, GOOD)
    assert unlike(BAD, GOOD)


@pytest.mark.parametrize(
    ("content_type", "body", "keys"),
    [
        ("application/json", '{"status": "ok"}', {}),
        ("application/json", '{"status": "running"}', {"words": {"running": "healthy"}}),
        ("application/json", '{"state": "up"}', {"status_field": "state"}),
        ("application/json", '{"db": true, "cache": true}', {"dialect": "booleans"}),
        ("text/plain", "OK", {"dialect": "text"}),
        ("text/html", "<html></html>", {"dialect": "status_code"}),
        ("application/json", '{"cut', {"dialect": "status_code"}),
    ],
)
def test_the_keys_that_read_an_answer(content_type: str, body: str, keys: object) -> None:
    """The keys of health follow from a good answer; one without a word counts by its status."""
    assert health_keys(PathAnswer(status=200, content_type=content_type, body=body)) == keys


def test_a_named_path_without_a_good_answer_is_named() -> None:
    """A wrong path of the user's would make every cell fail, or be left out without a word."""
    named = Named(health="/health", request="/itmes")
    steady = {"/health": GOOD, "/itmes": PathAnswer(status=404, body="{}")}
    (remark,) = not_declared(named, steady)
    assert remark == "/itmes is not declared: without a fault it answers 404 {}"


@pytest.mark.parametrize(
    ("paths", "used"),
    [
        ((found("/orders", "postgres"),), "none"),
        ((found("/orders", "postgres"), found("/")), "/"),
        ((found("/orders", "postgres"), found("/up", "redis")), "/up"),
    ],
)
def test_a_request_never_replaces_the_health_that_the_user_named(
    paths: tuple[PathFound, ...], used: str
) -> None:
    """It is said which path is health in place of the named one, and why."""
    named = Named(health="/health", request="/orders")
    steady = {"/health": PathAnswer(status=404, body="{}"), "/orders": GOOD}
    assert [*not_declared(named, steady)] == []
    assert not_health(named, steady) == "/health (404)"
    findings = Findings(
        paths=with_roles(paths, named), request="/orders", not_health=not_health(named, steady)
    )
    assert (findings.health.path if findings.health else "none") == used
    assert findings.instead == f"health: {used} instead of /health (404)"
