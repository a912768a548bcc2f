"""The records of services are read as data, and what a machine lacks is a reason to skip them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chaoslab.corpus.field import read_field
from chaoslab.corpus.record import Record, Service
from chaoslab.corpus.records import read_records
from chaoslab.corpus.trial import tried
from chaoslab.errors import SpecError
from chaoslab.evidence.reasons import EXITED
from chaoslab.model.verdict import Outcome
from corpus.defects import RECORD, verdict, written

SERVICE = """
title = "Never connects again"
mechanism = "It keeps a dead connection."
symptom = "Every write fails."
fix = "It connects again."
source = "https://example.org/issues/1"
library = "a client 1.0"
scenarios = ["outage::path_is_cut"]
runtime = "loopback"

[needs]
modules = ["json"]

[primary]
verdict = "recovers"
outcome = "UNKNOWN"
cites = [{ code = "app.exited", data = { exit_code = 3 } }]
"""


def service(field: Path, name: str = "never_again", text: str = SERVICE) -> Path:
    """The folder of a service with this record."""
    folder = field / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.toml").write_text(text, encoding="utf-8")
    return folder


def target(record: Record) -> Service:
    """The record's service."""
    assert isinstance(record.target, Service)
    return record.target


def test_a_record_declares_how_its_service_must_be_refused(tmp_path: Path) -> None:
    """The name is that of the folder; folders without a record are left out."""
    folder = service(tmp_path)
    (tmp_path / "shared").mkdir()
    (record,) = read_field(tmp_path)
    assert (record.name, record.runs) == ("never-again", ("outage::path_is_cut",))
    assert record.primary.outcome is Outcome.UNKNOWN
    assert [str(cite) for cite in record.primary.cites] == ["app.exited { exit_code = 3 }"]
    assert (target(record).folder, target(record).runtime) == (folder, "loopback")
    assert target(record).missing == ()


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        ('modules = ["no_such_client"]', "the Python module no_such_client is not installed"),
        ('programs = ["no-such-program"]', "the program no-such-program is not on PATH"),
        ('files = ["node_modules/x"]', "never_again/node_modules/x does not exist"),
    ],
)
def test_what_this_machine_lacks_is_listed(tmp_path: Path, needs: str, why: str) -> None:
    """In words that say what to install."""
    service(tmp_path, text=SERVICE.replace('modules = ["json"]', needs))
    (record,) = read_field(tmp_path)
    assert target(record).missing == (why,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title", "titel", "titel: extra inputs are not permitted"),
        ("https://example.org/issues/1", "a tracker", "source: string should match pattern"),
        ('"loopback"', '"docker"', "runtime: input should be"),
        ('"UNKNOWN"', '"PASS"', "primary.outcome: input should be"),
        ("outage::", "", "'path_is_cut' is not the name of a scenario"),
        ("app.exited", "app.exitted", "unknown code 'app.exitted'"),
        ("[needs]", "[needs", "not valid TOML"),
    ],
)
def test_each_mistake_in_a_record_is_reported(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Where and what, without a traceback."""
    assert old in SERVICE
    service(tmp_path, text=SERVICE.replace(old, new))
    with pytest.raises(SpecError) as error:
        read_field(tmp_path)
    assert said in str(error.value)
    assert "never_again/record.toml" in str(error.value)


def test_a_folder_without_services_is_a_mistake(tmp_path: Path) -> None:
    """Nothing to refuse must not look like everything refused."""
    with pytest.raises(SpecError, match="contains no service"):
        read_field(tmp_path)


@pytest.mark.parametrize("name", ["early_return", "good"])
def test_a_service_cannot_have_the_name_of_another_build(tmp_path: Path, name: str) -> None:
    """Their trials would be counted together."""
    (tmp_path / "defects").mkdir()
    written(tmp_path / "defects", text=RECORD)
    service(tmp_path / "field", name)
    with pytest.raises(SpecError, match="another build has the name"):
        read_records(tmp_path / "defects", tmp_path / "field")


def test_defects_of_another_folder_come_without_the_services_here(tmp_path: Path) -> None:
    """Who names a folder of defects means these alone."""
    written(tmp_path)
    assert [record.name for record in read_records(tmp_path, None)] == ["early-return"]


def test_a_verdict_that_must_be_unknown_is_not_replaced_by_another(tmp_path: Path) -> None:
    """The lab cannot judge such a service, and must say so for the declared reason."""
    service(tmp_path)
    (record,) = read_field(tmp_path)
    (scenario,) = record.scenarios
    exited = EXITED(boot=1, exit_code=3, at_s=1.5)
    outcomes = {
        word: tried(record, {scenario: [verdict("recovers", word, exited)]}).outcome
        for word in ("PASS", "UNKNOWN", "FAIL")
    }
    assert outcomes == {"PASS": "missed", "UNKNOWN": "refused", "FAIL": "missed"}
    other = tried(record, {scenario: [verdict("recovers", "UNKNOWN", "a lagging lab")]})
    assert other.outcome == "unclear"


FIELD = Path(__file__).parents[2] / "field"


def test_every_service_of_the_repository_is_complete() -> None:
    """Each has a report of its own, its scenarios, a script without the lab, and one switch."""
    records = read_field(FIELD)
    sources = [record.source for record in records]
    assert len({*sources}) == len(sources)
    for record in records:
        folder = target(record).folder
        for scenario in record.runs:
            module, _, test = scenario.partition("::")
            text = (folder / f"test_{module}.py").read_text(encoding="utf-8")
            assert f"def test_{test.partition('[')[0]}(" in text, f"{record.name}: {scenario}"
        script = (folder / "without_the_lab.py").read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) chaoslab", script, re.MULTILINE), record.name
        app = next(folder.glob("app.*")).read_text(encoding="utf-8")
        assert "FIXED" in app, record.name
