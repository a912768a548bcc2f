"""`chaoslab clean` takes away what dead labs left, and nothing of anybody else."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from chaoslab.agent import build_context
from chaoslab.cli import main
from chaoslab.runtimes import cleaning
from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers import leftovers as containers
from chaoslab.runtimes.leftovers import Found, Leftover
from chaoslab.runtimes.local import leftovers as local

from .engine import IMAGE, Maker

# Linux gives no process a number beyond 2^22.
NOBODYS_PID = "4194399"
DEAD = {labels.PID: NOBODYS_PID, labels.STARTED: "1"}


def clean(mine: str, *arguments: str) -> list[str]:
    """Run the command for what `mine` names; other labs, and other tests', are not for us."""

    def found(*, images: bool, session: str) -> Found:
        everything = find(images=images, session=session)
        leftovers = [each for each in everything.leftovers if mine in each.what]
        return Found(leftovers=leftovers, notes=everything.notes)

    find = cleaning.find
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "find", found)
        result = CliRunner().invoke(main, ["clean", *arguments])
    assert result.exit_code == 0, result.output
    return [line for line in result.output.splitlines() if not line.startswith("left alone")]


def test_a_dead_labs_things_go_and_a_living_labs_stay(maker: Maker) -> None:
    """Container, network and volume are each listed; the running session is this test's process."""
    dead = Maker(engine=maker.engine, session=f"{maker.session}-dead")
    gone = dead.labels("postgres") | DEAD
    dead.container(gone, network=dead.network(gone))
    dead.volume(gone)
    maker.container(maker.labels())
    maker.network(maker.labels())
    before = maker.things()
    foretold = clean(dead.session, "--dry-run")
    assert len(dead.things()) == 3, "a dry run removes nothing"
    done = clean(dead.session)
    assert [line.replace("would remove", "removed") for line in foretold] == done
    assert [line.split()[1] for line in done] == ["container", "network", "volume"]
    assert all(f"(process {NOBODYS_PID} no longer runs)" in line for line in done)
    assert dead.things() == []
    assert maker.things() == before
    assert clean(dead.session) == ["nothing to clean"]


@pytest.mark.parametrize("elsewhere", [{labels.HOST: "elsewhere"}, {labels.PID: ""}])
def test_what_may_belong_to_a_running_lab_is_left_alone_and_noted(
    maker: Maker, elsewhere: dict[str, str]
) -> None:
    """A lab of another host on the same engine, or labels without a number."""
    maker.container(maker.labels() | DEAD | elsewhere)
    found = containers.find()
    assert not any(maker.session in each.what for each in found.leftovers)
    assert any("left alone: " in note and "a lab on another host" in note for note in found.notes)
    assert len(maker.things()) == 1


def test_a_lab_elsewhere_goes_only_by_its_name_and_never_one_that_runs(maker: Maker) -> None:
    """A lab in a container that is gone cannot be seen to be dead; the user may know it."""
    maker.container(maker.labels() | {labels.HOST: "elsewhere"})
    assert clean(maker.session, "--session", "another") == ["nothing to clean"]
    (done,) = clean(maker.session, "--session", maker.session)
    assert done.startswith("removed: container")
    maker.container(maker.labels())
    assert clean(maker.session, "--session", maker.session) == ["nothing to clean"]
    assert len(maker.things()) == 1


def test_only_images_of_agents_that_are_superseded_go(maker: Maker) -> None:
    """Nothing without the option, and never the image that this version uses."""
    old = f"chaoslab-agent:{uuid.uuid4().hex[:12]}"
    repository, _, tag = old.partition(":")
    said = maker.engine.call("POST", f"/images/{IMAGE}/tag?repo={repository}&tag={tag}")
    assert said[0] == 201, said
    try:
        found = [each.what for each in containers.find(images=True).leftovers]
        assert f"image {old}, superseded" in found
        assert not any(f"chaoslab-agent:{build_context.content_hash()}" in what for what in found)
        assert clean(old) == ["nothing to clean"]
        assert clean(old, "--images") == [f"removed: image {old}, superseded"]
        assert clean(old, "--images") == ["nothing to clean"]
    finally:
        maker.engine.call("DELETE", f"/images/{old}")


def test_an_engine_that_does_not_answer_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is cleaned all the same."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    said = clean("nothing")
    assert said[0].startswith("containers not checked: no Docker engine")
    assert said[-1] == "nothing to clean"
    monkeypatch.setenv("DOCKER_HOST", "ssh://there")
    assert clean("nothing")[0].startswith("containers not checked: DOCKER_HOST=ssh://")


class Orphan:
    """What a local lab leaves if its reaper dies with it: a folder, and two processes."""

    def __init__(self, place: Path, pid: str) -> None:
        seed = uuid.uuid4().hex[:8]
        self.folder = place / f"chaoslab-{pid}-{seed}"
        self.folder.mkdir()
        (self.folder / "file").write_text("x")
        wait = (sys.executable, "-c", "input()")
        marked = os.environ | {f"CHAOSLAB_LAB_{pid}_{seed}": "1"}
        self.processes = [
            subprocess.Popen(wait, stdin=subprocess.PIPE, env=marked),
            subprocess.Popen(wait, stdin=subprocess.PIPE, cwd=self.folder),
        ]
        self.seed = seed

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()

    def found(self) -> Sequence[Leftover]:
        places = (self.folder.parent,)
        return [each for each in local.find(places).leftovers if self.seed in each.what]


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[Orphan]:
    made = Orphan(tmp_path, NOBODYS_PID)
    yield made
    made.end()


def test_a_dead_local_labs_processes_and_folder_go(orphan: Orphan) -> None:
    """One process by its mark, one by the folder that it works in."""
    ((leftover, why),) = cleaning.removed(orphan.found())
    assert why == ""
    assert str(orphan.folder) in leftover.what
    assert "1 process with CHAOSLAB_LAB_" in leftover.what
    assert [process.wait(10) for process in orphan.processes] == [-9, -9]
    assert not orphan.folder.exists()
    assert orphan.found() == []


def test_a_living_local_lab_is_not_touched(tmp_path: Path) -> None:
    """The number in its name is that of a process which runs and is older than the folder."""
    alive = Orphan(tmp_path, str(os.getpid()))
    try:
        assert alive.found() == []
    finally:
        alive.end()


def test_a_folder_older_than_the_process_of_its_number_is_a_dead_labs(tmp_path: Path) -> None:
    """Numbers are used again."""
    reused = Orphan(tmp_path, str(os.getpid()))
    try:
        os.utime(reused.folder, (1.0, 1.0))
        assert len(reused.found()) == 1
    finally:
        reused.end()


def test_other_folders_and_files_of_the_same_place_are_not_looked_at(tmp_path: Path) -> None:
    """Only a lab's own name counts, and only a folder."""
    for name in ("chaoslab-1", "chaoslab-x-00000000", f"chaoslab-{NOBODYS_PID}-0000000"):
        (tmp_path / name).mkdir()
    (tmp_path / f"chaoslab-{NOBODYS_PID}-00000000").write_text("a file")
    found = local.find((tmp_path,)).leftovers
    assert [each for each in found if str(tmp_path) in each.what] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")
def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    """/tmp is everybody's: a name of ours may be a trap that leads elsewhere."""
    target = tmp_path / "precious"
    target.mkdir()
    (tmp_path / f"chaoslab-{NOBODYS_PID}-0000abcd").symlink_to(target)
    found = local.find((tmp_path,))
    assert [each for each in found.leftovers if str(tmp_path) in each.what] == []
    assert any("left alone" in note for note in found.notes)


def test_what_could_not_be_removed_is_reported_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the reason."""
    stubborn = Leftover(what="network x", remove=lambda: "it is in use")
    monkeypatch.setattr(cleaning, "find", lambda **_: Found(leftovers=[stubborn]))
    result = CliRunner().invoke(main, ["clean"])
    assert result.exit_code == 1
    assert result.output == "could not remove: network x: it is in use\n"


def test_one_that_fails_does_not_keep_the_others() -> None:
    """Each is tried, in order, and each reason is returned."""
    done: list[str] = []

    def fail() -> str:
        raise OSError("busy")

    def work() -> str:
        done.append("second")
        return ""

    first = Leftover(what="a", remove=fail)
    second = Leftover(what="b", remove=work, turn=1)
    assert [(each.what, why) for each, why in cleaning.removed([second, first])] == [
        ("a", "busy"),
        ("b", ""),
    ]
    assert done == ["second"]
