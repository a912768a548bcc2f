"""The settings: typed, with all mistakes of the environment at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from chaoslab.reference.backend.profiles import LAB_FACTOR, LAB_ROOM_S, PROFILES
from chaoslab.reference.backend.settings import SettingsError, read

GOOD = {"DATABASE_URL": "postgresql://app:secret@db:6543/x", "REDIS_URL": "redis://cache/0"}


def test_the_incidents_limits_are_the_profiles() -> None:
    """Init, tables, connect, pool wait and health, in seconds."""
    found = {
        name: (p.init_s, p.tables_s, p.connect_s, p.pool_wait_s, p.health_s)
        for name, p in PROFILES.items()
    }
    assert found["staging"] == (95, 35, 75, 60, 30)
    assert found["production"] == (90, 45, 60, 70, 30)
    assert found["test"] == (20, 10, 15, 20, 5)


def test_lab_is_staging_with_every_duration_divided_by_the_one_factor() -> None:
    """Counts and ratios are unchanged; the start-up has some more time for waits."""
    room_s = {"init_s": LAB_ROOM_S, "reserve_s": LAB_ROOM_S / 2}
    for field in fields(PROFILES["lab"]):
        lab, staging = (getattr(PROFILES[name], field.name) for name in ("lab", "staging"))
        factor = LAB_FACTOR if field.name.endswith("_s") else 1
        assert lab == pytest.approx(staging / factor + room_s.get(field.name, 0.0)), field.name


def test_a_start_in_the_lab_may_wait_a_second_for_a_core_after_every_try_has_timed_out() -> None:
    """Postgres and Redis may take their limits, with waits before them and between."""
    lab = PROFILES["lab"]
    hangs_s = lab.connect_s + lab.redis_connect_s
    assert lab.init_s - hangs_s >= 1.5
    assert lab.reserve_s >= 1.0
    assert lab.init_s - hangs_s - lab.reserve_s >= 0.5


def test_every_limit_has_a_variable_of_its_own() -> None:
    """The values are used unchanged, also in the scaled profile."""
    given = {f"LIMIT_{field.name.upper()}": "7" for field in fields(PROFILES["lab"])}
    given |= {"LIMIT_INIT_S": "100"}
    limits = read(GOOD | given | {"PROFILE": "lab"}).limits
    assert limits.init_s == 100
    assert {getattr(limits, f.name) for f in fields(limits) if f.name != "init_s"} == {7}


def test_defaults_are_those_of_production_on_the_loopback() -> None:
    """The bypass is not allowed by default."""
    settings = read(GOOD)
    assert (settings.host, settings.port, settings.profile) == ("127.0.0.1", 8080, "production")
    assert settings.emergency_allow_no_database is False


@pytest.mark.parametrize(
    ("raw", "meant"), [("true", True), ("1", True), ("TRUE", True), ("0", False)]
)
def test_the_bypass_is_a_flag(raw: str, meant: bool) -> None:
    """Spelt as in the incident's staging, and case-insensitive."""
    assert read(GOOD | {"EMERGENCY_ALLOW_NO_DATABASE": raw}).emergency_allow_no_database is meant


def test_all_mistakes_are_reported_at_once_with_their_variables() -> None:
    """No secret of a URL is shown."""
    with pytest.raises(SettingsError) as caught:
        read(
            {
                "PORT": "eighty",
                "PROFILE": "stagin",
                "REDIS_URL": "http://user:secret@x",
                "LIMIT_CONECT_S": "1",
                "LIMIT_POOL_MAX": "1.5",
                "EMERGENCY_ALLOW_NO_DATABASE": "perhaps",
            }
        )
    text = str(caught.value)
    for name in ("PORT", "PROFILE", "REDIS_URL", "DATABASE_URL", "LIMIT_CONECT_S"):
        assert name in text
    assert "did you mean 'staging'?" in text
    assert "did you mean 'LIMIT_CONNECT_S'?" in text
    assert "LIMIT_POOL_MAX='1.5'" in text
    assert "EMERGENCY_ALLOW_NO_DATABASE='perhaps'" in text
    assert "secret" not in text


def test_addresses_for_messages_hold_no_credentials() -> None:
    """Host and port; the default port if the URL has none."""
    settings = read(GOOD)
    assert (settings.database_address, settings.redis_address) == ("db:6543", "cache:6379")


def test_the_process_ends_with_2_and_no_traceback_when_the_environment_is_wrong() -> None:
    """All problems on stderr."""
    command = [sys.executable, "-m", "chaoslab.reference.backend"]
    done = subprocess.run(command, env={"PORT": "0"}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "PORT='0'" in done.stderr
    assert "DATABASE_URL: not set" in done.stderr
    assert "Traceback" not in done.stderr
