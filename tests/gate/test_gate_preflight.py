"""`chaoslab gate` with a deployment file: a finding refuses before anything boots."""

from __future__ import annotations

from pathlib import Path

import pytest

from .checked import PASSES, checked
from .project import Project, stage

pytestmark = pytest.mark.slow  # each test starts a gate, and that its pytests


DEPLOYED = '[deployment]\nfile = "deploy.yaml"\nports = ["listens", "routed"]\n'


def test_a_finding_of_the_preflight_refuses_before_anything_boots(tmp_path: Path) -> None:
    """Exit 1, with file, line and fix; no stage runs."""
    project = Project(tmp_path, PASSES, stage("s", "one") + DEPLOYED)
    (tmp_path / "deploy.yaml").write_text("listens: 8081\nrouted: 8080\n")
    code, said = project.gate()
    assert code == 1, said
    assert "preflight: deploy.yaml:" in said
    verdict = checked(project)
    assert (verdict["preflight"]["decision"], verdict["rounds"]) == ("refused", [])
    assert project.junit().find("testsuite/testcase/failure") is not None


def test_after_a_passed_preflight_the_stages_run(tmp_path: Path) -> None:
    """It is the first stage."""
    project = Project(tmp_path, PASSES, stage("s", "one") + DEPLOYED)
    (tmp_path / "deploy.yaml").write_text("listens: 8080\nrouted: 8080\n")
    code, said = project.gate()
    assert code == 0, said
    assert "preflight of deploy.yaml: passed" in said
    assert checked(project)["preflight"]["decision"] == "passed"


def test_a_deployment_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    """Exit 2: nothing was found out about the build."""
    project = Project(tmp_path, PASSES, stage("s", "one") + DEPLOYED)
    (tmp_path / "deploy.yaml").write_text("listens: [\n")
    code, said = project.gate()
    assert code == 2, said
    assert "deploy.yaml" in said
