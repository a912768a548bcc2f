"""`chaoslab preflight`: what is printed, and how it exits; the incident's own check."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from reference.servers import PostgresServer, RedisServer

from chaoslab.cli import main
from chaoslab.clock import now_s

from .conftest import PASSWORD
from .copies import REPOSITORY, Edit, copied, line_of, value

TOPOLOGY = str(REPOSITORY / "chaoslab.toml")
POSTGRES_URL = "postgresql://backend@postgres.staging.internal:5432/backend"
REDIS_URL = "redis://redis.staging.internal:6379/0"


def preflight(folder: Path, *arguments: str, edits: tuple[Edit, ...] = ()) -> Result:
    """The command on a copy of the reference deployment."""
    path = copied(folder, *edits)
    return CliRunner().invoke(main, ["preflight", TOPOLOGY, "--deployment", str(path), *arguments])


def test_the_reference_passes_and_prints_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule with its figures; exit 0."""
    monkeypatch.chdir(REPOSITORY)
    done = CliRunner().invoke(main, ["preflight"])
    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.output.splitlines()[:-1]] == [
        ["ok", f"{rule}:"] for rule in ("required", "bypass", "window", "pool", "ports", "paths")
    ]
    assert done.output.splitlines()[-1] == "deploy/staging.yaml: all checks passed"


def test_a_broken_rule_exits_with_1_and_names_line_and_fix(tmp_path: Path) -> None:
    """`file:line: rule: what`, then what was expected, what was got, and the fix."""
    edits = (
        value("PROFILE", "staging", "production"),
        ("failureThreshold: 12", "failureThreshold: 3"),
    )
    done = preflight(tmp_path, edits=edits)
    assert done.exit_code == 1
    path = tmp_path / "staging.yaml"
    line = line_of(path, "EMERGENCY_ALLOW_NO_DATABASE") + 1
    assert f"{path}:{line}: bypass: EMERGENCY_ALLOW_NO_DATABASE is on in production" in done.output
    assert 'write EMERGENCY_ALLOW_NO_DATABASE = "false"' in done.output
    assert "expected more than 95 s; got 5 + 10 x (3 - 1) = 25 s" in done.output
    assert f"{path}: 2 findings" in done.output


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("  replicas: 1\n", "  replicas: 1\n  replicas: 2\n"), "key 'replicas' is here and"),
        (("  replicas: 1\n", "\treplicas: 1\n"), "indent with spaces"),
    ],
)
def test_a_file_that_cannot_be_used_exits_with_2(tmp_path: Path, edit: Edit, said: str) -> None:
    """The user's mistake, without a traceback."""
    done = preflight(tmp_path, edits=(edit,))
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_topology_without_a_deployment_exits_with_2(tmp_path: Path) -> None:
    """Nothing to check is no pass."""
    path = tmp_path / "chaoslab.toml"
    path.write_text('version = 1\n[apps.a]\ncommand = ["a"]\n')
    done = CliRunner().invoke(main, ["preflight", str(path)])
    assert done.exit_code == 2
    assert "has no [deployment]: nothing to check" in done.output


def test_the_incidents_cut_connector_is_found_before_the_deployment(
    tmp_path: Path, severed_port: int
) -> None:
    """The rules all hold, the file is right, and packets vanish: said within seconds.

    On 2025-09-15 this took a deployment, a health check's 10 s and hours of reading to learn.
    """
    edits = (
        value("DATABASE_URL", POSTGRES_URL, f"postgresql://backend@127.0.0.1:{severed_port}/x"),
        value("REDIS_URL", REDIS_URL, f"redis://127.0.0.1:{severed_port}/0"),
    )
    begun_s = now_s()
    done = preflight(tmp_path, "--live", edits=edits)
    assert now_s() - begun_s < 15.0  # 5 s is the limit of a step; the rest is a busy machine's
    assert done.exit_code == 1
    assert "all checks passed" in done.output
    for link in ("backend.postgres", "backend.redis"):
        assert f"{link}: dropped at step 'connect' after 5." in done.output
    assert "no answer to the connect: packets are dropped; check the VPC connector" in done.output


def test_paths_that_are_answered_exit_with_0_and_no_secret_is_printed(
    tmp_path: Path, postgres: PostgresServer, redis: RedisServer
) -> None:
    """The env file goes before the deployment's own values, so that secrets stay out of it."""
    env_file = tmp_path / "secrets.env"
    env_file.write_text(
        "# of staging\n"
        f"DATABASE_URL=postgresql://guarded:{PASSWORD}@127.0.0.1:{postgres.port}/postgres\n"
        f'export REDIS_URL="redis://:{PASSWORD}@127.0.0.1:{redis.port}/0"\n'
    )
    done = preflight(tmp_path, "--live", "--env-file", str(env_file))
    assert done.exit_code == 0, done.output
    assert done.output.count("  answered ") == 2
    assert f"127.0.0.1:{postgres.port}" in done.output
    assert PASSWORD not in done.output


def test_wrong_credentials_exit_with_1_and_say_where_they_are_from(
    tmp_path: Path, postgres: PostgresServer, redis: RedisServer
) -> None:
    """Which of the three sources it was is what one looks for."""
    env_file = tmp_path / "secrets.env"
    env_file.write_text(
        f"DATABASE_URL=postgresql://guarded:stale-secret@127.0.0.1:{postgres.port}/postgres\n"
        f"REDIS_URL=redis://:stale-secret@127.0.0.1:{redis.port}/0\n"
    )
    done = preflight(tmp_path, "--live", "--env-file", str(env_file))
    assert done.exit_code == 1
    assert "backend.postgres: wrong credentials at step 'log in'" in done.output
    assert "backend.redis: wrong credentials at step 'log in'" in done.output
    assert "the address is from DATABASE_URL of" in done.output
    assert "stale-secret" not in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no variable at all: hunter2\n", "secrets.env:1: not a variable\n  expected NAME=value"),
        (None, "secrets.env: cannot be read: no such file"),
    ],
)
def test_an_env_file_that_cannot_be_used_exits_with_2(
    tmp_path: Path, text: str | None, said: str
) -> None:
    """Its lines are never shown."""
    path = tmp_path / "secrets.env"
    if text is not None:
        path.write_text(text)
    done = preflight(tmp_path, "--live", "--env-file", str(path))
    assert done.exit_code == 2
    assert said in done.output
    assert "hunter2" not in done.output


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (
            (value("REDIS_URL", REDIS_URL, "redis://:$(NO_SUCH)@cache/0"),),
            "backend.redis: no address at step 'address': "
            "it still contains the placeholder 'NO_SUCH'",
        ),
        (
            (value("REDIS_URL", REDIS_URL, "http://cache:hunter2@x/0"),),
            "backend.redis: no address at step 'address': it is not a readable redis URL",
        ),
        (
            (value("DATABASE_URL", POSTGRES_URL, "postgresql://u:hunter2@/d?host=/cloudsql/x"),),
            "backend.postgres: no address at step 'address': it names a Unix socket",
        ),
        (
            (value("DATABASE_URL", POSTGRES_URL, "postgresql://u:hunter2@h:port/d"),),
            "backend.postgres: no address at step 'address'",
        ),
    ],
)
def test_an_unusable_url_never_passes(tmp_path: Path, edits: tuple[Edit, ...], said: str) -> None:
    """What cannot be tried did not pass; the URL itself is not shown."""
    done = preflight(tmp_path, "--live", "--within-s", "0.2", edits=edits)
    assert done.exit_code == 1
    assert said in done.output
    assert "hunter2" not in done.output


def test_a_link_without_a_path_never_passes(tmp_path: Path) -> None:
    """A topology that forgets a link would call a severed one good."""
    text = Path(TOPOLOGY).read_text("utf-8").replace('redis = "REDIS_URL"\n', "")
    assert text != Path(TOPOLOGY).read_text("utf-8")
    topology = tmp_path / "chaoslab.toml"
    topology.write_text(text)
    arguments = ["preflight", str(topology), "--deployment", str(copied(tmp_path)), "--live"]
    done = CliRunner().invoke(main, [*arguments, "--within-s", "0.2"])
    assert done.exit_code == 1
    assert "backend.redis: undeclared" in done.output
    assert "add the variable to [deployment.paths]" in done.output
