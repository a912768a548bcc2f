"""The JSON Schema that ships with the package: it agrees with the loader as far as it can."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from chaoslab import services
from chaoslab.cli import main
from chaoslab.model.loader.json_schema import SHIPPED, naming_schema, schema_text

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("results", "extension")
APP = '[apps.a]\ncommand = ["x"]\n'


def files() -> list[Path]:
    """Every topology file of the repository whose kinds ship with it."""
    found = [ROOT / "chaoslab.toml", *ROOT.glob("[!.]*/**/chaoslab.toml")]
    return [path for path in found if not set(path.relative_to(ROOT).parts) & set(LEFT_OUT)]


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    return Draft7Validator(json.loads(SHIPPED.read_text()))


def test_the_file_is_the_generated_one() -> None:
    """The shipped file is what the shapes say. `chaoslab schema > FILE` writes it again."""
    assert SHIPPED.read_text() == schema_text(services.TABLE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version = 1\n", "#:schema ./chaoslab.schema.json\nversion = 1\n"),
        ("#:schema file:///x\r\na = 1\r\n", "#:schema ./chaoslab.schema.json\r\na = 1\r\n"),
        ("\ufeff# mine\n", "\ufeff#:schema ./chaoslab.schema.json\n# mine\n"),
        ("#:schema x", "#:schema ./chaoslab.schema.json"),
        ("", "#:schema ./chaoslab.schema.json\n"),
    ],
)
def test_the_first_line_names_the_schema_in_the_folder(before: str, after: str) -> None:
    """Another one there is replaced; the rest of the file and its line ends stay."""
    assert naming_schema(before) == after
    assert naming_schema(after) == after


def test_it_is_written_beside_a_topology(tmp_path: Path) -> None:
    """And named in it; a file that is shared with other tools is left alone."""
    file = tmp_path / "chaoslab.toml"
    file.write_text("version = 1\n")
    done = CliRunner().invoke(main, ["schema", "--beside", str(file)])
    assert done.exit_code == 0, done.output
    assert file.read_text() == "#:schema ./chaoslab.schema.json\nversion = 1\n"
    assert (tmp_path / "chaoslab.schema.json").read_text() == schema_text(services.kinds())
    done = CliRunner().invoke(main, ["schema", "--beside", str(tmp_path / "pyproject.toml")])
    assert done.exit_code == 2
    assert "has a schema of its own" in done.output


def test_it_is_a_valid_schema(validator: Draft7Validator) -> None:
    """The schema itself is valid, and each reference in it leads to a definition."""
    Draft7Validator.check_schema(validator.schema)
    text = json.dumps(validator.schema)
    names = {each.split('"')[0] for each in text.split('"#/$defs/')[1:]}
    assert names <= set(validator.schema["$defs"])


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT).parent))
def test_it_accepts_every_file_of_the_repository(path: Path, validator: Draft7Validator) -> None:
    """What the loader reads, the schema accepts. JSON has no dates: to an editor each is a text."""
    document = json.loads(json.dumps(tomllib.loads(path.read_text()), default=str))
    assert [each.message for each in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "text",
    [
        "version = 1",
        "version = 2\n" + APP,
        "unknown = 1\n" + APP,
        '[apps.a]\ncommand = "x"',
        "[apps.a]\ncommand = []",
        '[apps."a b"]\ncommand = ["x"]',
        APP + "port = 70000",
        APP + 'health.path = "health"',
        APP + "health.unknown = 1",
        APP + "deadlines.startup_s = 0",
        APP + 'deadlines.startup_s = "1"',
        APP + "env = { A = 1 }",
        APP + '[apps.a.requests.r]\nkind = "write"',
        APP + '[apps.a.requests.r]\nkind = "post"\npath = "/"',
        APP + "[services.s]",
        APP + '[services.s]\nkind = "postgress"',
        APP + '[services.s]\nkind = "postgres"\nanswer = "x"',
        APP + '[services.s]\nkind = "http"\nanswers = { "/" = { status = 700 } }',
        APP + '[images]\nmongo = "x:1"',
        APP + "[connectors.c]\nlinks = []",
    ],
)
def test_it_refuses_what_the_shapes_refuse(text: str, validator: Draft7Validator) -> None:
    """Unknown keys, wrong types, missing keys and values out of range are errors in an editor."""
    assert not validator.is_valid(tomllib.loads(text))
    assert validator.is_valid(tomllib.loads(APP))
