"""An older topology: it loads with one warning, and `chaoslab migrate` rewrites it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaoslab import services
from chaoslab.cli import main
from chaoslab.errors import OldTopology, SpecError
from chaoslab.model.loader import load_topology
from chaoslab.model.loader.migrate import migrated
from chaoslab.model.topology import Topology

OLD = """\
# What is under test.
name = "shop"  # in reports

[services.postgres]
kind = "postgres"

[apps.shop]
command = [ "{python}",
            "-m", "shop" ]   # as in production
links = ["postgres"]

[gate]
runtime = "embedded"  # no Docker here
p1 = [
    "boot",   # first
    "recovery",
]
stages = [{ name = "P1", marker = "p1", pass_rate = 1.0, abort_on = ["p1"] }]
"""
NEW = (
    OLD.replace('"embedded"', '"local"')
    .replace('"boot"', '"starts"')
    .replace('"recovery"', '"recovers"')
    .replace("# in reports\n", "# in reports\nversion = 1\n")
)


WRITES_OLD = """version = 1
[services.db]
kind = "postgres"
[apps.shop]
command = ["x"]
links = ["db"]
# how a row is stored
[ apps . "shop" . writes ]  # by users
service = "db"      # the database
create_path = "/rows"
table = "rows"
kept_within_s = 2
[apps.shop.writes.create_body]
id = "{id}"

# the rest
[apps.shop.health]
path = "/h"
"""
WRITES_NEW = """version = 1
[services.db]
kind = "postgres"
[apps.shop]
command = ["x"]
links = ["db"]
# how a row is stored
[ apps . "shop" . requests.write ]  # by users
kind = "write"
found.service = "db"      # the database
path = "/rows"
found.table = "rows"
found.within_s = 2
[apps.shop.requests.write.body]
id = "{id}"

# the rest
[apps.shop.health]
path = "/h"
"""


def written(folder: Path, text: str, name: str = "chaoslab.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def loaded(path: Path) -> tuple[Topology, list[str]]:
    """The topology, and the warnings of the loader."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        topology = load_topology(path, kinds=services.kinds())
    return topology, [str(each.message) for each in caught if each.category is OldTopology]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["migrate", *words])


def test_a_file_of_before_is_understood_with_one_warning(tmp_path: Path) -> None:
    """It names each place with the old and the new name, and the command that rewrites the file."""
    topology, (warning,) = loaded(written(tmp_path, OLD))
    assert topology.gate is not None
    assert topology.gate.runtime == "local"
    assert topology.gate.p1 == ("starts", "recovers")
    for part in (
        "it has no version",
        "gate.runtime: 'embedded' is 'local' now",
        "gate.p1[0]: 'boot' is 'starts' now",
        "run `chaoslab migrate ",
    ):
        assert part in warning


def test_it_migrates_to_one_that_loads_without_a_warning(tmp_path: Path) -> None:
    """The topology, the comments and the layout stay the same."""
    path = written(tmp_path, OLD)
    before, _ = loaded(path)
    done = run(str(path))
    assert (done.exit_code, "rewritten" in done.output) == (0, True)
    assert path.read_text() == NEW
    assert loaded(path) == (before, [])


def test_a_file_with_nothing_to_change_is_not_touched(tmp_path: Path) -> None:
    """Its modification time stays, so a second migration changes nothing."""
    path = written(tmp_path, NEW)
    stood = path.stat().st_mtime_ns
    done = run(str(path))
    assert "nothing to change" in done.output
    assert (path.stat().st_mtime_ns, path.read_text()) == (stood, NEW)


@pytest.mark.parametrize(("text", "code"), [(OLD, 1), (NEW, 0)])
def test_check_exits_with_1_where_something_is_old_and_writes_nothing(
    tmp_path: Path, text: str, code: int
) -> None:
    """For use in CI."""
    path = written(tmp_path, text)
    assert run(str(path), "--check").exit_code == code
    assert path.read_text() == text


def test_diff_prints_what_would_change_and_writes_nothing(tmp_path: Path) -> None:
    """Line by line."""
    path = written(tmp_path, OLD)
    done = run(str(path), "--diff")
    assert '-runtime = "embedded"  # no Docker here' in done.output
    assert '+runtime = "local"  # no Docker here' in done.output
    assert "+version = 1" in done.output
    assert path.read_text() == OLD


@pytest.mark.parametrize(
    "header", ["[tool.chaoslab]\nname = 'x'\n\n", "", "[tool.other]\nversion = 9\n\n"]
)
def test_a_pyproject_keeps_everything_beside_its_table(tmp_path: Path, header: str) -> None:
    """Whether the table has its own header or only tables below it."""
    text = f"""[project]
name = "shop"
version = "3"

{header}[tool.chaoslab.services.redis]
kind = "redis"

[tool.chaoslab.apps.shop]
command = ["a"]  # one word
"""
    path = written(tmp_path, text, "pyproject.toml")
    assert run(str(path)).exit_code == 0
    after = path.read_text()
    assert 'version = "3"' in after
    assert "# one word" in after
    assert loaded(path)[1] == []
    assert migrated(path, after) == after


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    """Some editors write one, and no command refuses it."""
    assert migrated(tmp_path / "chaoslab.toml", "\ufeff" + OLD) == "\ufeff" + NEW


def test_what_is_no_topology_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The problem has its place, and the file is unchanged."""
    path = written(tmp_path, "name = \n")
    done = run(str(path))
    assert done.exit_code == 2
    assert "not valid TOML" in done.output
    with pytest.raises(SpecError, match="has no topology"):
        migrated(tmp_path / "pyproject.toml", "[project]\nname = 'x'\n")


def test_a_version_of_a_later_chaoslab_is_refused(tmp_path: Path) -> None:
    """The names of a later version are unknown here."""
    with pytest.raises(SpecError, match="version"):
        load_topology(
            written(tmp_path, NEW.replace("version = 1", "version = 2")), kinds=services.kinds()
        )


@pytest.mark.filterwarnings("always::chaoslab.errors.OldTopology")
def test_a_command_prints_the_warning_as_one_line(tmp_path: Path) -> None:
    """Without the place in the source of chaoslab."""
    done = CliRunner().invoke(main, ["check", str(written(tmp_path, OLD))])
    (line,) = [line for line in done.output.splitlines() if "older chaoslab" in line]
    assert line.startswith("warning: ")
    assert "renamed.py" not in done.output
    assert "topology.py" not in done.output


def test_the_gate_understands_the_old_name_of_its_runtime(tmp_path: Path) -> None:
    """On the command line as well, with one line of warning."""
    path = written(tmp_path, NEW)
    done = CliRunner().invoke(main, ["gate", str(path), "--runtime", "embedded", "--stage", "no"])
    assert "use --runtime local; --runtime embedded is its old name" in done.output
    assert "Invalid value for '--runtime'" not in done.output


def test_a_table_of_writes_becomes_a_request_where_it_stands(tmp_path: Path) -> None:
    """With its comments and its layout; the file means the same before and after."""
    path = written(tmp_path, WRITES_OLD)
    before, warned = loaded(path)
    assert "apps.shop.writes is apps.shop.requests.write now" in warned[0]
    assert run(str(path)).exit_code == 0
    assert path.read_text() == WRITES_NEW
    after, none = loaded(path)
    assert none == []
    assert after == before
    write = after.apps["shop"].write
    assert write is not None
    assert write.found is not None
    assert (write.method, write.body, write.found.within_s) == ("POST", {"id": "{id}"}, 2.0)


def test_an_inline_table_of_writes_is_moved_too(tmp_path: Path) -> None:
    """Its keys that never existed are reported under the new name."""
    inline = (
        'writes = { service = "db", create_path = "/r?x={id}", create_body = {}, table = "t", '
        'id_column = "body" }\n'
    )
    head = WRITES_OLD.partition("# how a row")[0]
    path = written(tmp_path, head + inline)
    before, _ = loaded(path)
    assert run(str(path)).exit_code == 0
    assert "writes" not in path.read_text()
    after, none = loaded(path)
    assert (after, none) == (before, [])
    wrong = written(tmp_path, head + inline.replace("id_column", "id_colum"))
    with pytest.raises(
        SpecError, match=r"apps.shop.requests.write: unknown key 'id_colum'|write.id_colum"
    ):
        load_topology(wrong, kinds=services.kinds())
