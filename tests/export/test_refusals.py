"""What cannot be exported is refused with the reason and the fix: exit 2, no YAML."""

from __future__ import annotations

import pytest
from click.testing import Result

from .exporting import A_MINUTE, APP, OUTSIDE, PODS, PORTS, export

BEYOND = [
    (("severed", "vpc", "--mode", "refused"), "cannot refuse a connect"),
    (("severed", "vpc", "--at-heal", "dead"), "old connections then go on"),
    (("severed", "vpc", "--mode", "silent"), "cannot allow a connect"),
    (("cut-midstream", "vpc", "--after-bytes", "10"), "cannot close a connection"),
    (("stopped", "postgres"), "this fault acts on a service"),
    (("killed", "postgres"), "this fault acts on a service"),
    (("paused", "postgres"), "this fault acts on a service"),
    (("restarted", "postgres"), "this fault acts on a service"),
]


@pytest.mark.parametrize(("fault", "expected"), BEYOND)
def test_an_unsupported_fault_is_refused_with_the_nearest_supported_one(
    fault: tuple[str, ...], expected: str
) -> None:
    """It is never replaced by another fault."""
    _refused(
        export(*fault, *A_MINUTE, *PODS), expected, "PodChaos" if "service" in expected else ""
    )


@pytest.mark.parametrize(
    ("arguments", "expected", "fix"),
    [
        (("severed", "vpc", *PODS), "no duration is given", "add --duration-s"),
        (("severed", "vpc", "--duration-s", "0", *PODS), "--duration-s: 0", "above 0"),
        (("severed", "vpc", "--duration-s", "nan", *PODS), "--duration-s: nan", "above 0"),
        (
            ("severed", "vpc", *A_MINUTE),
            "no labels are given for the pods of 'backend'",
            "add --app backend=",
        ),
        (
            ("severed", "vpc", *A_MINUTE, *APP),
            "the place of 'postgres' is not given",
            "--external postgres=HOST",
        ),
        (("severed", "vpx", *A_MINUTE, *PODS), "unknown target 'vpx'", "did you mean 'vpc'?"),
        (("severed", "vpc", "--mode", "drop", *A_MINUTE, *PODS), "mode is 'drop'", "dropped"),
        (("slow", "vpc", *A_MINUTE, *PODS), "--latency-s is not given", "no default"),
        (
            ("slow", "vpc", "--latency-s", "1", "--mode", "dropped", *A_MINUTE, *PODS),
            "'slow' does not have this setting",
            "--latency-s, --jitter-s, --stream",
        ),
        (
            ("one-way", "vpc", "--stream", "upstream", "--stream", "downstream", *A_MINUTE, *PODS),
            "has one stream",
            "upstream or downstream",
        ),
        (
            ("throttled", "vpc", "--rate-kb-per-s", "10", *A_MINUTE, *OUTSIDE),
            "limits what pods of the cluster send",
            "--stream upstream",
        ),
        (
            ("one-way", "postgres", *A_MINUTE, *PORTS),
            "does not match packets",
            "without its port: 10.20.0.5",
        ),
        (
            ("flapping", "vpc", "--period-s", "30", *PODS),
            "cannot refuse a connect",
            "--mode dropped",
        ),
        (
            ("flapping", "vpc", "--period-s", "8", "--mode", "dropped", *PODS),
            "cannot keep a period of 8 s with duty 0.5",
            "severed for at least 5 s",
        ),
        (
            ("flapping", "vpc", "--period-s", "30.5", "--mode", "dropped", *PODS),
            "cannot keep a period of 30.5 s",
            "whole seconds",
        ),
        (
            ("flapping", "vpc", "--period-s", "30", "--mode", "dropped", *A_MINUTE, *PODS),
            "a Schedule does not end",
            "remove the option",
        ),
    ],
)
def test_the_users_mistakes_are_reported_with_their_fix(
    arguments: tuple[str, ...], expected: str, fix: str
) -> None:
    """What is missing, misspelt or impossible, and what to write instead."""
    _refused(export(*arguments), expected, fix)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--app", "backend"), "not of the form NAME=..."),
        (("--app", "backedn=app=x"), "did you mean 'backend'?"),
        (("--app", "backend=app"), "'app' is not a label"),
        (("--app", "backend=app=x,app=y"), "two values for the label 'app'"),
        (("--app", "backend=-a=x"), "'-a=x' is not a label"),
        ((*APP, *APP), "'backend' is given twice"),
        (("--service", "postgres=a=b", "--external", "postgres=1.2.3.4"), "inside and outside"),
        (("--external", "postgres=2001:db8::1"), "IPv6 is unsupported"),
        (("--external", "postgres=10.0.0.300"), "'10.0.0.300' is not a target"),
        (("--external", "postgres=10.0.0.0/33"), "'10.0.0.0/33' is not a target"),
        (("--external", "postgres=db:0"), "'db:0' is not a target"),
        (("--external", "postgres=http://db"), "'http://db' is not a target"),
        (("--external", "postgres=a,,b"), "'' is not a target"),
        (("--namespace-of", "postgres=Data"), "'Data' is not a namespace"),
        (("--namespace-of", "x=data"), "unknown name 'x'"),
    ],
)
def test_the_places_of_apps_and_services_are_read_strictly(
    options: tuple[str, ...], expected: str
) -> None:
    """A wrong selector would be another blast radius."""
    _refused(export("severed", "vpc", *A_MINUTE, *options), expected, "")


def test_all_mistakes_are_reported_at_once() -> None:
    """The user need not fix one to find the next."""
    result = export("severed", "vpc", *A_MINUTE, "--app", "x=a=b", "--external", "postgres=:1")
    _refused(result, "unknown name 'x'", "':1' is not a target")


def _refused(result: Result, expected: str, fix: str) -> None:
    assert result.exit_code == 2, result.output
    assert expected in result.stderr
    assert fix in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
