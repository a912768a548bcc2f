"""Records are read as data, and all their mistakes are reported at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.corpus.defects import read_defects, shipped
from chaoslab.corpus.record import Defect
from chaoslab.errors import SpecError
from corpus.defects import DEFECT, RECORD, written


def test_a_record_declares_how_its_build_must_be_refused(tmp_path: Path) -> None:
    """Every field of the block is read; the command follows from the file's name."""
    written(tmp_path)
    assert read_defects(tmp_path) == (DEFECT,)


def test_a_refused_connect_decides_only_where_it_is_counted() -> None:
    """Elsewhere its scenario is left out, and nothing else changes."""
    elsewhere, counted = (DEFECT.on(counts_refused=each) for each in (False, True))
    assert elsewhere.runs == ("vpc_outage::severed[dropped]", "steady::starts")
    assert counted.scenarios == (*DEFECT.scenarios, "vpc_outage::severed[refused]")
    assert counted.passes == elsewhere.passes == DEFECT.passes


def test_a_defects_file_is_never_imported(tmp_path: Path) -> None:
    """A file that would end the process if it ran is read all the same."""
    written(tmp_path, text=RECORD + "raise SystemExit(99)\n")
    assert [defect.name for defect in read_defects(tmp_path)] == ["early-return"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# /// defect", "# /// other", "has 0 records"),
        ("number = 1", "number = one", "record: not valid TOML"),
        ("number = 1", "number = 0", "greater than or equal to 1"),
        ("# symptom", "# sympton", "record: symptom: field required"),
        ("early-return", "late-return", "rename the file to late_return.py"),
        ("vpc_outage::severed", "severed", "'severed[dropped]' is not the name of a scenario"),
        ("steady::starts", "vpc_outage::severed[dropped]", "cannot both refuse the build and pass"),
        ("vpc_outage::severed[refused]", "refused", "'refused' is not the name of a scenario"),
        ("steady::starts", "vpc_outage::severed[refused]", "cannot both refuse the build and pass"),
        ('also = ["degrades"]', 'also = ["starts"]', "its primary verdict 'starts'"),
        ("cites = [\n#   { code", "cites = []\n# other = [\n#   { code", "primary.cites"),
        ("app.exited", "app.exitted", "unknown code 'app.exitted'"),
        ("{ exit_code = 3 }", "{ code = 3 }", "the code 'app.exited' have no 'code'"),
    ],
)
def test_each_mistake_in_a_record_is_reported(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Where, what and the fix, without a traceback."""
    assert old in RECORD
    written(tmp_path, text=RECORD.replace(old, new))
    with pytest.raises(SpecError) as error:
        read_defects(tmp_path)
    assert said in str(error.value)
    assert "early_return.py" in str(error.value)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """Two files with mistakes and two of one number: three problems."""
    written(tmp_path)
    written(tmp_path, "again", RECORD.replace("early-return", "again"))
    written(tmp_path, "broken", "")
    written(tmp_path, "_helper", "not a defect at all")
    with pytest.raises(SpecError) as error:
        read_defects(tmp_path)
    assert len(error.value.problems) == 2
    assert "two defects have the number 1: again, early-return" in str(error.value)


def test_a_folder_without_defects_is_a_mistake(tmp_path: Path) -> None:
    """Nothing to refuse must not look like everything refused."""
    with pytest.raises(SpecError, match="contains no defect"):
        read_defects(tmp_path)


def test_the_shipped_records_are_the_incidents_first_twenty_seven() -> None:
    """Each number from 1 to 27 once, each with a scenario that the lab ships."""
    defects = read_defects(shipped())
    numbers = [each.target.number for each in defects if isinstance(each.target, Defect)]
    assert numbers == list(range(1, 28))
    scenarios = Path(__file__).parents[2] / "scenarios"
    for defect in defects:
        for scenario in defect.runs:
            module, _, test = scenario.partition("::")
            text = (scenarios / f"test_{module}.py").read_text(encoding="utf-8")
            assert f"def test_{test.partition('[')[0]}(" in text, f"{defect.name}: {scenario}"
