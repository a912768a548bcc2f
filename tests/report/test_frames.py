"""One row per boot, in seconds since the spawn, and NaN for whatever did not happen."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from made_boots import (
    TOPOLOGY,
    MakeRun,
    degraded_then_recovered,
    exited,
    healed,
    sampled,
    spawned,
    turned,
)

from chaoslab.errors import SpecError
from chaoslab.history.events import AnyEvent
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.topology import App, Topology
from chaoslab.report.boots import boots, save_boots
from chaoslab.report.frames import boots_frame


def test_a_boot_is_measured_from_its_spawn(make_run: MakeRun) -> None:
    """Every time counts from the spawn at 1.0 s; the recovery counts from the heal."""
    (row,) = boots_frame([make_run("one")]).to_dict("records")
    assert row["bind_s"] == pytest.approx(0.25)
    assert row["first_answer_s"] == pytest.approx(0.5)
    assert row["startup_complete_s"] == pytest.approx(1.5)
    assert row["ready_or_degraded_s"] == pytest.approx(1.5)
    assert row["recovered_s"] == pytest.approx(0.75)
    assert row["phase_init_s"] == 0.125
    assert row["phase_database_s"] == 0.5
    assert (row["scenario"], row["seed"], row["runtime"], row["proxy"], row["run"]) == (
        "severed_before_start",
        7,
        "local",
        "embedded",
        "one",
    )


def test_columns_and_types_are_the_documented_ones(make_run: MakeRun) -> None:
    """The order is part of the promise: boots.csv is read by others."""
    frame = boots_frame([make_run("one")])
    assert list(frame.columns) == [
        *("scenario", "seed", "runtime", "proxy"),
        *("bind_s", "first_answer_s", "startup_complete_s", "ready_or_degraded_s", "recovered_s"),
        *("phase_init_s", "phase_database_s"),
        *("verdict", "app", "boot", "exit_code", "run"),
    ]
    assert frame.dtypes["seed"] == frame.dtypes["boot"] == "int64"
    assert {str(frame.dtypes[name]) for name in frame.columns if name.endswith("_s")} == {"float64"}
    assert str(frame.dtypes["exit_code"]) == "Int64"
    # pandas before 3 has no type of its own for strings
    assert all(pd.api.types.is_string_dtype(frame[name]) for name in ("scenario", "verdict", "run"))


def test_what_did_not_happen_is_absent_and_not_zero(make_run: MakeRun) -> None:
    """A process that exits at once has an exit code and no times."""
    (row,) = boots_frame([make_run("one", [spawned(1.0), exited(1.2, 3, asked=False)])]).to_dict(
        "records"
    )
    assert row["exit_code"] == 3
    assert pd.isna(row["bind_s"])
    assert pd.isna(row["startup_complete_s"])
    assert pd.isna(row["recovered_s"])


def test_an_app_that_the_lab_stopped_has_no_exit_code_of_its_own(make_run: MakeRun) -> None:
    """An exit that the lab requested is no fact about the app."""
    events = [*degraded_then_recovered(), exited(6.0, -15, asked=True)]
    (row,) = boots_frame([make_run("one", events)]).to_dict("records")
    assert pd.isna(row["exit_code"])
    assert row["recovered_s"] == pytest.approx(0.75)


def test_each_boot_of_an_app_has_a_row_of_its_own(make_run: MakeRun) -> None:
    """A second boot after the heal starts from its own spawn and has nothing to recover from."""
    events = [
        *degraded_then_recovered(),
        exited(6.0, 0, asked=True),
        spawned(7.0, boot=2),
        sampled(7.5, HealthState.UNREACHABLE, boot=2),
        sampled(8.0, HealthState.HEALTHY, boot=2),
    ]
    frame = boots_frame([make_run("one", events)])
    assert list(frame["boot"]) == [1, 2]
    assert frame["recovered_s"].isna().tolist() == [False, True]


RECOVERY = [spawned(0.0), sampled(1.0, HealthState.HEALTHY)]
LOST, BACK = HealthState.DEGRADED, HealthState.HEALTHY


@pytest.mark.parametrize(
    ("events", "recovered_s"),
    [
        ([sampled(2.0, LOST), healed(3.0), sampled(3.5, BACK)], 0.5),
        # Healthy for a moment only: the healthy that lasted counts.
        (
            [
                sampled(2.0, LOST),
                healed(3.0),
                sampled(3.2, BACK),
                sampled(3.4, LOST),
                sampled(5, BACK),
            ],
            2.0,
        ),
        # Severed twice: the second recovery counts from the second heal.
        (
            [
                *(sampled(2.0, LOST), healed(3.0), sampled(3.5, BACK)),
                *(sampled(4.0, LOST), healed(5.0), sampled(5.25, BACK)),
            ],
            0.25,
        ),
        # The lab's own clean-up heals after a recovery that has already happened.
        ([sampled(2.0, LOST), healed(3.0), sampled(3.5, BACK), healed(9.0)], 0.5),
        # The process ended when the run was over.
        (
            [
                *(sampled(2.0, LOST), healed(3.0), sampled(3.5, BACK)),
                sampled(6.0, HealthState.UNREACHABLE),
            ],
            0.5,
        ),
        ([sampled(2.0, LOST), healed(3.0), sampled(3.5, BACK), sampled(4.0, LOST)], None),
        ([sampled(2.0, LOST), healed(3.0)], None),
        # A hang while it recovers: health that came back after it counts.
        (
            [
                *(sampled(2.0, LOST), healed(3.0), sampled(3.2, BACK)),
                *(sampled(3.4, HealthState.UNREACHABLE), sampled(4.0, BACK)),
            ],
            1.0,
        ),
        ([healed(3.0)], None),
    ],
)
def test_recovery_counts_from_the_heal_to_the_health_that_lasted(
    make_run: MakeRun, events: list[AnyEvent], recovered_s: float | None
) -> None:
    """Health that did not last, or was never lost, is no recovery."""
    value = boots_frame([make_run("one", [*RECOVERY, *events])])["recovered_s"].iloc[0]
    assert pd.isna(value) if recovered_s is None else value == pytest.approx(recovered_s)


def test_without_a_readiness_path_healthy_counts_as_ready(make_run: MakeRun) -> None:
    """An app without a ready path is ready at its first healthy answer."""
    bare = App(name="backend", command=("app",), health=HealthContract())
    topology = Topology(name="bare", services={}, apps={"backend": bare})
    events: list[AnyEvent] = [spawned(1.0), turned(1.75, HealthState.HEALTHY)]
    with_path = boots_frame([make_run("one", events, topology=TOPOLOGY)])
    without = boots_frame([make_run("two", events, topology=topology)])
    assert with_path["ready_or_degraded_s"].isna().all()
    assert without["ready_or_degraded_s"].tolist() == [pytest.approx(0.75)]


def test_boots_are_saved_beside_their_run_and_read_the_same_again(make_run: MakeRun) -> None:
    """Each run's boots.csv holds its own rows only."""
    runs = [make_run("one"), make_run("two", [spawned(0.0)])]
    frame = boots_frame(runs)
    paths = list(save_boots(boots(runs), runs))
    assert paths == [run / "boots.csv" for run in runs]
    read = pd.read_csv(paths[0])
    assert list(read.columns) == list(frame.columns)
    assert read["startup_complete_s"].tolist() == [1.5]
    assert pd.read_csv(paths[1])["startup_complete_s"].isna().tolist() == [True]


def test_runs_of_the_same_name_have_different_labels(make_run: MakeRun, tmp_path: Path) -> None:
    """Two results folders may hold a run of one name."""
    run = make_run("one")
    other = tmp_path / "elsewhere" / "one"
    other.parent.mkdir()
    run.rename(other)
    runs = [make_run("one"), other]
    assert boots_frame(runs)["run"].tolist() == [str(run) for run in runs]


def test_a_history_cut_off_by_a_kill_still_counts(make_run: MakeRun) -> None:
    """A run that was killed in the middle of a line keeps what it saw until then."""
    run = make_run("one")
    (folder,) = (RunFolder(path) for path in run.iterdir())
    text = folder.history_path.read_text(encoding="utf-8")
    folder.history_path.write_text(text[:-40], encoding="utf-8")
    assert boots_frame([run])["startup_complete_s"].tolist() == [1.5]


def test_a_folder_without_a_run_is_the_users_mistake(tmp_path: Path) -> None:
    """The error names the folder and the cause."""
    with pytest.raises(SpecError, match="contains no run"):
        boots_frame([tmp_path])


def test_no_boots_at_all_make_an_empty_frame_with_all_columns(make_run: MakeRun) -> None:
    """A run that ended before its first spawn is no error."""
    frame = boots_frame([make_run("one", [])])
    assert len(frame) == 0
    assert str(frame.dtypes["startup_complete_s"]) == "float64"
