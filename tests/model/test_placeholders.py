"""Placeholders are filled once, escapes become braces, and every unknown name is a problem."""

from __future__ import annotations

import pytest

from chaoslab.errors import SpecError
from chaoslab.model.placeholders import (
    fill,
    known_to_app,
    names_in,
    parsed,
    placeholder_problems,
    port_names,
)

VALUES = {"port": "7000", "postgres.url": "postgresql://u@127.0.0.1:5/db", "odd": "{port}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{port}", "7000"),
        ("--url={postgres.url}?x={port}", "--url=postgresql://u@127.0.0.1:5/db?x=7000"),
        ('{{"port": {port}}}', '{"port": 7000}'),
        ("{{port}}", "{port}"),
        ("{odd}", "{port}"),
    ],
)
def test_every_placeholder_is_replaced_exactly_once(text: str, filled: str) -> None:
    """Double braces become single ones. Braces inside a value stay."""
    assert fill(text, VALUES) == filled


def test_filling_reports_every_unknown_name() -> None:
    """Then no placeholder is filled."""
    with pytest.raises(SpecError) as caught:
        fill("{prot} {} }", VALUES)
    assert [problem.what for problem in caught.value.problems] == [
        "unknown placeholder '{prot}'",
        "unknown placeholder '{}'",
        "'}' at character 11 has no matching brace",
    ]
    assert caught.value.problems[0].fix == "did you mean 'port'?"


def test_names_are_listed_without_the_escapes() -> None:
    """A double brace begins no placeholder."""
    assert names_in("{a}{{b}}{c.d}") == ("a", "c.d")


def test_further_ports_have_names() -> None:
    """Each once, in order; a name that is not valid is none."""
    texts = ("--grpc={port:grpc} {port}", "{port:admin} {port:grpc} {port:a b} {port:} {{port:x}}")
    assert port_names(texts) == ("grpc", "admin")


def test_a_further_port_is_known_by_its_name() -> None:
    """Those that an app uses are known; another is a mistake, with the nearest name."""
    known = known_to_app({}, ("grpc",))
    assert not list(placeholder_problems("here", "{port:grpc}", known))
    (problem,) = placeholder_problems("here", "{port:grcp}", known)
    assert "port:grpc" in problem.fix


KNOWN = known_to_app({"postgres": ("user", "password", "database"), "redis": ()})


@pytest.mark.parametrize(
    "name",
    [
        *("port", "postgres.url", "postgres.user", "redis.port"),
        *("postgres.url:postgresql+asyncpg", "postgres.url:postgres", "redis.url:rediss"),
        *("postgres.url:jdbc:postgresql", "postgres.url:postgresql+psycopg2"),
    ],
)
def test_the_fields_of_a_link_and_its_url_with_any_scheme_are_known(name: str) -> None:
    """Any scheme: the lab does not know every driver."""
    assert not list(placeholder_problems("here", f"{{{name}}}", KNOWN))


@pytest.mark.parametrize("scheme", ["", "2", "a b", "postgresql://", ":postgresql", "jdbc:", "a_b"])
def test_a_scheme_that_no_url_can_have_is_a_problem(scheme: str) -> None:
    """The problem quotes the scheme, and shows a valid one."""
    (problem,) = placeholder_problems("here", f"{{postgres.url:{scheme}}}", KNOWN)
    assert (problem.code, dict(problem.data)) == ("placeholder.bad_scheme", {"scheme": scheme})
    assert "{postgres.url:postgresql+asyncpg}" in problem.expected


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("postgres.usr", "postgres.user"),
        ("postgres.urls:postgresql", "postgres.url"),
        ("postgres.databse", "postgres.database"),
    ],
)
def test_an_unknown_field_is_answered_with_those_of_its_service(name: str, suggested: str) -> None:
    """Other services are not listed."""
    (problem,) = placeholder_problems("here", f"{{{name}}}", KNOWN)
    assert problem.code == "name.unknown"
    assert problem.fix == f"did you mean '{suggested}'?"
    assert problem.expected.count("{postgres.") == 6
    assert "redis" not in problem.expected


def test_only_a_url_has_a_scheme() -> None:
    """A host has none."""
    (problem,) = placeholder_problems("here", "{redis.host:redis}", KNOWN)
    assert problem.fix == "did you mean 'redis.host'?"


def test_a_name_has_a_service_a_field_and_perhaps_a_scheme() -> None:
    """The scheme may have colons."""
    assert parsed("port") == ("", "port", None)
    assert parsed("postgres.url:jdbc:postgresql") == ("postgres", "url", "jdbc:postgresql")
    assert parsed("postgres.url:jdbc:postgresql").plain == "postgres.url"
