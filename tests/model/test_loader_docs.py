"""docs/topology.md has every key with the default that the loader uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chaoslab.probes
from chaoslab import services
from chaoslab.model.dialects import DIALECTS
from chaoslab.model.health import DEFAULT_WORDS
from chaoslab.model.loader import read_topology
from chaoslab.model.loader.kinds import images_shape, service_shape
from chaoslab.model.loader.shape import SHAPES as FIXED
from chaoslab.services.http import AnswerShape

PAGE = (Path(__file__).parents[2] / "docs" / "topology.md").read_text(encoding="utf-8")
OWN = {("services", "*", kind.name): kind.keys for kind in services.kinds().values()}
ANSWERS = ("services", "*", "answers", "*")
SHAPES = {
    **FIXED,
    **{place: keys for place, keys in OWN.items() if keys.model_fields},
    ANSWERS: AnswerShape,
    ("images",): images_shape(services.kinds()),
    ("services", "*"): service_shape(services.kinds()),
}
FIELDS = [(place, name) for place, shape in SHAPES.items() for name in shape.model_fields]


def section(place: tuple[str, ...]) -> str:
    """The part of the page that describes one table of the file."""
    title = ".".join("<name>" if part == "*" else part for part in place)
    if place == ("gate", "stages", "*"):  # a list of tables, whose place is a number
        title = "[gate.stages]"
    if place == ("known_gaps", "*"):
        title = "[known_gaps]"
    if place == ANSWERS:
        title = "services.<name>.answers.<path>"
    if place in OWN:
        return PAGE.partition(f"## `[services.<name>]` of kind `{place[-1]}`\n")[2].partition(
            "\n## "
        )[0]
    heading = f"## `[{title}]`" if title else "## Top"
    return PAGE.partition(heading + "\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("place", "name"), FIELDS)
def test_every_key_stands_in_its_table_with_its_default(place: tuple[str, ...], name: str) -> None:
    """A key that is new, removed or changed must be changed on the page."""
    (row,) = re.findall(rf"^\| `{name}` \|.*$", section(place), re.MULTILINE)
    field = SHAPES[place].model_fields[name]
    default = field.default
    if isinstance(default, str | int | float) and not isinstance(default, bool):
        shown = f"{default:g}" if isinstance(default, float) else str(default) or "empty"
        assert f"| {shown} |" in row.replace("`", "")
    elif field.is_required() and place:
        assert "| required |" in row


def test_the_page_has_no_unknown_key() -> None:
    """The page has no key that the loader refuses."""
    told = {
        (place, name)
        for place in SHAPES
        for name in re.findall(r"^\| `(\w+)` \|", section(place), re.MULTILINE)
    }
    assert told == set(FIELDS)


def test_the_page_has_every_known_word() -> None:
    """The page has the same words as the code."""
    for word, state in DEFAULT_WORDS.items():
        (row,) = re.findall(rf"^\| {state.value} \| .*$", PAGE, re.MULTILINE)
        assert word in re.split(r"[,|]\s*", row.replace(" |", ","))


def test_the_page_has_every_dialect() -> None:
    """With the fields that it sets, where these are short enough to print."""
    section_of = PAGE.partition("\n## Dialects of health\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section_of, re.MULTILINE))
    assert list(rows) == list(DIALECTS)
    for name in ("spring", "aspnet", "microprofile", "ietf"):
        fields = (DIALECTS[name].status_field, DIALECTS[name].dependencies_field)
        assert rows[name].replace("\\", "").startswith("`{}` | `{}` | ".format(*fields))


def test_the_pages_own_example_is_a_topology(tmp_path: Path) -> None:
    """The example loads without mistakes, alone or with the later parts."""
    first, *parts = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "chaoslab.toml"
    for text in (first, "\n".join((first, *parts))):
        path.write_text(text, encoding="utf-8")
        topology = read_topology(path, kinds=services.kinds())
        assert topology.connectors["vpc"].links == ("backend.postgres", "backend.redis")
    assert topology.apps["backend"].container is not None
    assert topology.attach is not None


def test_every_image_has_its_variable_beside_it() -> None:
    """The environment overrides the file, so the page must name the variable."""
    for name in SHAPES["images",].model_fields:
        (row,) = re.findall(rf"^\| `{name}` \|.*$", section(("images",)), re.MULTILINE)
        assert f"`CHAOSLAB_IMAGE_{name.upper()}`" in row


def test_the_page_describes_an_absent_path_as_the_probes_treat_it() -> None:
    """A degraded start is ready as well, and a probe asks every path."""
    health = section(("apps", "*", "health"))
    rows = dict(re.findall(r"^\| `(\w+_path)` \| path \| absent \| (.*) \|$", health, re.MULTILINE))
    assert rows["ready_path"].endswith("when its start-up is complete, also if it is degraded")
    assert rows["startup_path"].endswith("at the first healthy or degraded answer of `path`")
    probes = Path(chaoslab.probes.__file__).parent
    asked = {
        key for key in rows if any(key in file.read_text("utf-8") for file in probes.glob("*.py"))
    }
    assert asked == set(rows)
    assert "requires it" in rows["live_path"]
