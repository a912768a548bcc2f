"""The health table of a topology file: dialects, and fields of the body."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.history.saved_topology import read_topology_json
from chaoslab.model.dialects import DIALECTS, DialectName
from chaoslab.model.health import DEFAULT_WORDS, HealthContract, HealthState
from chaoslab.model.loader import read_topology

MINIMAL = 'version = 1\n[apps.a]\ncommand = ["x"]\n[apps.a.health]\n'


def health_of(folder: Path, lines: str) -> HealthContract:
    """The contract of a file whose health table has these lines."""
    path = folder / "chaoslab.toml"
    path.write_text(MINIMAL + lines, encoding="utf-8")
    return read_topology(path, kinds=services.kinds()).apps["a"].health


def test_the_table_of_dialects_has_every_name() -> None:
    """The type of the key and the table are written down twice."""
    assert set(get_args(DialectName)) == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_sets_the_fields_and_words(tmp_path: Path, name: DialectName) -> None:
    """The contract has what the dialect means, so a saved run does not depend on the table."""
    health, dialect = health_of(tmp_path, f'dialect = "{name}"\n'), DIALECTS[name]
    assert health.status_field == dialect.status_field
    assert health.dependencies_field == dialect.dependencies_field
    assert health.name_separator == dialect.name_separator
    assert health.words == {**DEFAULT_WORDS, **dialect.words}


def test_keys_of_the_file_replace_what_the_dialect_sets(tmp_path: Path) -> None:
    """Each for itself; also by an empty text."""
    lines = 'dialect = "booleans"\nwords = { "Some False" = "unhealthy" }\n'
    health = health_of(tmp_path, lines + 'dependencies_field = ""\n')
    assert health.dependencies_field == ""
    assert health.status_field == DIALECTS["booleans"].status_field
    assert health.state_of(200, "some false") is HealthState.UNHEALTHY
    assert health.state_of(200, "all true") is HealthState.HEALTHY


def test_a_file_without_a_dialect_has_the_usual_fields(tmp_path: Path) -> None:
    """The same as a contract that nothing was declared for."""
    assert health_of(tmp_path, "") == HealthContract()


@pytest.mark.parametrize("field", ["", "state", "health-status", "app:status", "a.b", "a[0] || b"])
def test_a_field_is_a_name_or_an_expression(tmp_path: Path, field: str) -> None:
    """A plain name with `-` or `:` was always allowed."""
    assert health_of(tmp_path, f"status_field = '{field}'\n").status_field == field


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("status_field = 'a['", "status_field: got 'a['"),
        ("dependencies_field = 'a || | b'", "dependencies_field: got 'a || | b'"),
        ("dialect = 'springs'", "did you mean 'spring'?"),
        ("dialect = ''", "one of: ietf, spring, aspnet"),
    ],
)
def test_a_mistake_is_reported(tmp_path: Path, line: str, said: str) -> None:
    """With its place, and what is allowed."""
    with pytest.raises(SpecError) as caught:
        health_of(tmp_path, f"{line}\n")
    assert said in str(caught.value)


def test_a_topology_saved_before_there_were_dialects_is_read() -> None:
    """Its fields are names of members, and stay what they were."""
    saved = {
        "name": "t",
        "services": {},
        "apps": {
            "a": {
                "name": "a",
                "command": ["x"],
                "health": {"status_field": "app-state", "dependencies_field": "parts"},
            }
        },
        "connectors": {},
        "source": "x",
    }
    health = read_topology_json(json.dumps(saved).encode()).apps["a"].health
    assert (health.status_field, health.dependencies_field) == ("app-state", "parts")
    assert health.name_separator == ""


def test_headers_of_health_may_name_a_host(tmp_path: Path) -> None:
    """Some frameworks refuse every other host."""
    lines = 'headers = { Host = "shop.test", Authorization = "Bearer x" }\n'
    headers = health_of(tmp_path, lines).headers
    assert headers == {"Host": "shop.test", "Authorization": "Bearer x"}


@pytest.mark.parametrize(
    "header",
    ['Content-Length = "1"', '"a b" = "1"', 'X = "a\\nb"', 'X = "\u00e4"', "X = 1"],
)
def test_a_header_that_cannot_be_sent_is_refused(tmp_path: Path, header: str) -> None:
    """It would end the first request, or split it."""
    with pytest.raises(SpecError, match="headers"):
        health_of(tmp_path, f"headers = {{ {header} }}\n")


def test_a_wrong_value_of_a_secret_header_is_not_shown(tmp_path: Path) -> None:
    """An error is printed where more people read it than the file."""
    with pytest.raises(SpecError) as caught:
        health_of(tmp_path, 'headers = { X-Token = "k7\u00e4" }\n')
    assert "got ***" in str(caught.value)
    assert "k7" not in str(caught.value)
