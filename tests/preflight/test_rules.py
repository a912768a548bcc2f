"""Each rule: the reference passes, and a copy with one mistake has exactly that finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab.errors import SpecError
from chaoslab.model.deployment import Bypass, Deployment, Pool, Window
from chaoslab.model.topology import Secrets
from chaoslab.preflight.check import check_deployment
from chaoslab.preflight.finding import Inspected

from .copies import REFERENCE, TOPOLOGY, Edit, copied, inspected, line_of, ruled, value

SECRET = "hunter2"
A_HOST = '            - name: HOST\n              value: "0.0.0.0"\n'
A_PORT = "            - name: http\n"
URL = "postgresql://backend@postgres.staging.internal:5432/backend"
assert TOPOLOGY.deployment is not None
RULES: Deployment = TOPOLOGY.deployment


def only(told: Inspected, rule: str) -> str:
    """The one finding of a rule, which must be the only one at all."""
    (finding,) = told.findings
    assert finding.rule == rule
    assert rule not in [check.rule for check in told.checks]
    return str(finding)


def test_the_reference_deployment_keeps_every_rule() -> None:
    """Each rule gives the figures that show it; none is left out."""
    told = check_deployment(TOPOLOGY)
    assert told.findings == ()
    said = {check.rule: check.text for check in told.checks}
    assert [*said] == ["required", "bypass", "window", "pool", "ports", "paths"]
    assert said["window"].startswith("5 + 10 x (12 - 1) = 115 s")
    assert said["pool"] == (
        "(7 + 1) connections x (10 + 1) instances = 88 <= 100 - 3 reserved = 97"
    )
    assert said["ports"].startswith("all are 8080: ")
    assert said["bypass"] == "EMERGENCY_ALLOW_NO_DATABASE is on, which PROFILE=staging allows"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (value("HOST", '"0.0.0.0"', '""'), "HOST is blank"),
        (value("HOST", '"0.0.0.0"', '"  "'), "HOST is blank"),
        (value("HOST", '"0.0.0.0"', "${HOST}"), "HOST still holds the placeholder '${HOST}'"),
        (value("HOST", '"0.0.0.0"', "<CHANGE_ME>"), "still holds the placeholder '<CHANGE_ME>'"),
        (value("HOST", '"0.0.0.0"', "changeme"), "still holds the placeholder 'changeme'"),
        (value("HOST", '"0.0.0.0"', "'{{ host }}'"), "still holds the placeholder '{{ host }}'"),
        ((A_HOST, ""), "HOST is not declared"),
        ((A_HOST, A_HOST + A_HOST), "HOST is declared twice, at lines"),
        ((A_HOST, "            - name: HOST\n"), "HOST is blank"),
    ],
)
def test_a_required_variable_that_is_not_there_or_holds_nothing_is_found(
    tmp_path: Path, edit: Edit, said: str
) -> None:
    """Blank, unfilled, absent, declared twice: each at its line, with a fix."""
    text = only(inspected(tmp_path, edit), "required")
    assert said in text
    assert "expected a value" in text


def test_a_misspelt_variable_is_guessed(tmp_path: Path) -> None:
    """The fix names the similar variable that was found."""
    text = only(inspected(tmp_path, ("- name: SECRET_KEY", "- name: SECRET_KEYS")), "required")
    assert "did you mean 'SECRET_KEYS'?" in text


def test_a_url_with_an_unfilled_password_is_found_and_not_shown(tmp_path: Path) -> None:
    """The message shows the placeholder, and never the text around it."""
    url = f"postgresql://{SECRET}:${{DB_PASSWORD}}@db/x"
    told = inspected(tmp_path, value("DATABASE_URL", URL, url))
    assert [finding.rule for finding in told.findings] == ["required", "paths"]
    for finding in told.findings:
        assert "'${DB_PASSWORD}'" in str(finding)
        assert SECRET not in str(finding)


@pytest.mark.parametrize("profile", ["production", "prod", "stagging"])
def test_the_bypass_is_never_on_in_production(tmp_path: Path, profile: str) -> None:
    """Every profile that is not known to be another counts as production, a misspelt one too."""
    told = inspected(tmp_path, value("PROFILE", "staging", profile))
    text = only(told, "bypass")
    assert f"EMERGENCY_ALLOW_NO_DATABASE is on in production (PROFILE={profile})" in text
    path = tmp_path / "staging.yaml"
    line = line_of(path, "EMERGENCY_ALLOW_NO_DATABASE") + 1
    assert told.findings[0].where.endswith(f"staging.yaml:{line}")


def test_a_missing_profile_counts_as_production(tmp_path: Path) -> None:
    """The app's own default is production."""
    edit = ("            - name: PROFILE\n              value: staging\n", "")
    told = inspected(tmp_path, edit)
    assert {finding.rule for finding in told.findings} == {"required", "bypass"}


@pytest.mark.parametrize("word", ['"false"', '"0"', '"no"', '"off"', '""', "false"])
def test_a_bypass_that_is_off_may_be_anywhere(tmp_path: Path, word: str) -> None:
    """Off in production is what is wanted."""
    told = inspected(
        tmp_path,
        value("EMERGENCY_ALLOW_NO_DATABASE", '"true"', word),
        value("PROFILE", "staging", "production"),
    )
    assert told.findings == ()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ('"ture"', "is not a known word for on or off"),
        ("${BYPASS}", "still holds the placeholder"),
        ('"${BYPASS:-false}"', "gets its value from elsewhere"),
    ],
)
def test_a_bypass_with_an_unknown_value_is_a_finding(tmp_path: Path, word: str, said: str) -> None:
    """What cannot be read must not pass for off."""
    edit = value("EMERGENCY_ALLOW_NO_DATABASE", '"true"', word)
    assert said in only(inspected(tmp_path, edit), "bypass")


def test_a_bypass_that_is_not_declared_is_a_finding(tmp_path: Path) -> None:
    """A rule that names a variable nobody has would never find anything."""
    edit = ("- name: EMERGENCY_ALLOW_NO_DATABASE", "- name: EMERGENCY_ALLOW_NO_DB")
    assert "did you mean 'EMERGENCY_ALLOW_NO_DB'?" in only(inspected(tmp_path, edit), "bypass")


def test_a_prober_that_gives_up_before_the_deadline_is_found(tmp_path: Path) -> None:
    """5 + 10 x 9 = 95 s is not longer than 95 s: the tenth look ends the instance right then."""
    told = inspected(tmp_path, ("failureThreshold: 12", "failureThreshold: 10"))
    text = only(told, "window")
    assert "gives up before the app's own start-up deadline" in text
    assert "5 + 10 x (10 - 1) = 95 s" in text
    path = tmp_path / "staging.yaml"
    line = line_of(path, "failureThreshold: 10")
    assert told.findings[0].where.endswith(f"staging.yaml:{line}")
    assert inspected(tmp_path, ("failureThreshold: 12", "failureThreshold: 11")).findings == ()


def test_a_window_of_durations_is_read_as_compose_writes_them(tmp_path: Path) -> None:
    """`1m30s` is 90 s."""
    path = tmp_path / "compose.yaml"
    path.write_text("check: {start_period: 1m30s, interval: 500ms, retries: 21}\n")
    window = Window(
        initial_delay_s="check.start_period",
        period_s="check.interval",
        failures="check.retries",
        startup_s=99.0,
    )
    told = check_deployment(ruled(Deployment(file=str(path), window=window)))
    assert told.findings == ()
    assert told.checks[0].text.startswith("90 + 0.5 x (21 - 1) = 100 s")


@pytest.mark.parametrize(
    "edit",
    [
        value("LIMIT_POOL_MAX", '"7"', '"8"'),
        ("maxReplicas: 10", "maxReplicas: 12"),
        ("maxSurge: 1", "maxSurge: 3"),
    ],
)
def test_more_connections_than_the_database_has_are_found(tmp_path: Path, edit: Edit) -> None:
    """A larger pool, more instances, and more of them while rolling out."""
    text = only(inspected(tmp_path, edit), "pool")
    assert "all instances together may open more connections than the database allows" in text
    assert "100 - 3 reserved = 97 or fewer" in text


def test_exactly_as_many_connections_as_there_are_is_enough(tmp_path: Path) -> None:
    """The limit itself is within the limit."""
    pool = Pool(size=(8.0,), instances=(12.0,), limit=96.0)
    told = check_deployment(ruled(Deployment(file=str(REFERENCE), pool=pool)))
    assert told.findings == ()


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (value("PORT", '"8080"', '"8081"'), "containerPort"),
        (("targetPort: 8080", "targetPort: 8081"), "targetPort"),
        (("containerPort: 8080", "containerPort: 8081"), "containerPort"),
    ],
)
def test_a_port_other_than_the_routed_one_is_found(tmp_path: Path, edit: Edit, line: str) -> None:
    """The auth service of the incident listened on 8081 where 8080 was routed."""
    told = inspected(tmp_path, edit)
    assert {finding.rule for finding in told.findings} == {"ports"}
    where = [finding.where.rpartition(":")[2] for finding in told.findings]
    assert str(line_of(tmp_path / "staging.yaml", line)) in where


def test_a_named_port_is_not_a_number(tmp_path: Path) -> None:
    """A name is looked up by the platform; the rule wants the number that it means."""
    text = only(inspected(tmp_path, ("targetPort: 8080", "targetPort: http")), "ports")
    assert "is not a readable number" in text
    assert "got 'http'" in text


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (replace(RULES, env="environ"), "no value at 'environ'"),
        (replace(RULES, root="[kind=Deploymnt].spec"), "did you mean 'Deployment'?"),
        (replace(RULES, ports=("$PORT", "ports[name=htp].containerPort")), "did you mean 'http'?"),
        (replace(RULES, ports=("$PROT", "$PORT")), "did you mean 'PORT'?"),
        (replace(RULES, ports=("ports", "$PORT")), "'ports' is a table or a list"),
        (replace(RULES, ports=("ports[3].containerPort", "$PORT")), "has 1 items and no [3]"),
        (replace(RULES, ports=("env.PORT", "$PORT")), "'env' is a list, and 'PORT' is a key"),
        (replace(RULES, ports=("$SECRET_KEY", "$PORT")), "gets its value from elsewhere"),
        (replace(RULES, bypass=Bypass(variable="NO_SUCH", profile="PROFILE")), "NO_SUCH is not"),
    ],
)
def test_a_rule_whose_path_finds_nothing_is_a_finding(rules: Deployment, said: str) -> None:
    """Never a silent pass: a rule that looks past the file would hold for ever."""
    told = check_deployment(ruled(rules))
    assert said in "\n".join(map(str, told.findings))


def test_two_items_that_a_path_could_mean_are_a_finding(tmp_path: Path) -> None:
    """Which of them counts is the platform's secret."""
    edit = (A_PORT, f"{A_PORT}              containerPort: 9\n{A_PORT}")
    text = only(inspected(tmp_path, edit), "ports")
    assert "has 2 items [name=http], at lines" in text


def test_a_path_that_does_not_choose_a_document_is_refused(tmp_path: Path) -> None:
    """Three objects in one file: which one was meant is for the topology to say."""
    rules = replace(RULES, root="")
    with pytest.raises(SpecError) as caught:
        check_deployment(ruled(replace(rules, file=str(copied(tmp_path)))))
    assert "has 3 documents, at lines" in str(caught.value)
    assert "[kind=Service].spec" in str(caught.value)


def test_a_topology_without_rules_has_nothing_to_check() -> None:
    """That is a finding and not a pass."""
    with pytest.raises(SpecError, match=r"has no \[deployment\]"):
        check_deployment(replace(TOPOLOGY, deployment=None))


def test_a_finding_does_not_show_a_secret_that_the_topology_lists(tmp_path: Path) -> None:
    """A profile that is wrong is quoted; one that is listed as secret is masked."""
    path = copied(tmp_path, value("PROFILE", "staging", "hunter22-profile"))
    assert "hunter22-profile" in str(check_deployment(TOPOLOGY, path).findings)
    listed = replace(TOPOLOGY, secrets=Secrets(values=("hunter22-profile",)))
    findings = check_deployment(listed, path).findings
    assert findings
    assert "hunter22" not in str(findings)
