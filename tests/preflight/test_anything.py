"""For any deployment file the result is findings, a pass, or a SpecError."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.errors import SpecError
from chaoslab.model.deployment import Deployment, Window
from chaoslab.preflight.check import check_deployment
from chaoslab.preflight.document import read_document
from chaoslab.preflight.variables import variable

from .copies import REFERENCE, REPOSITORY, TOPOLOGY, ruled

ODD = [
    *("", "x", "{}", "[]", "[1]", "null", "~", "!Ref a", "!!binary x", "*a", "&a x", "<<: *a"),
    *("- ", '"', "'", ":", "---\n", "\t", "é", "9" * 20, "-1", "0", "1e9", "${X}", "|", ">"),
    *("? a", "%TAG", "@", "`", "\x00", "\ufeff"),
]
PARTS = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """The reference file with one to three lines removed, doubled, broken, or of another value."""
    lines = REFERENCE.read_text("utf-8").splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["remove", "double", "break", "value", "value"])):
            case "remove":
                del lines[at]
            case "double":
                lines.insert(at, draw(st.sampled_from(lines)))
            case "break":
                cut = draw(st.integers(0, len(lines[at]) - 1))
                lines[at] = lines[at][:cut] + draw(PARTS) + lines[at][cut:]
            case _:
                lines[at] = f"{lines[at].partition(':')[0]}: {draw(PARTS)}\n"
    return "".join(lines)


def answered(path: Path) -> tuple[str, list[str]]:
    """What came of a file, and the messages."""
    try:
        told = check_deployment(TOPOLOGY, path)
    except SpecError as error:
        return "refused", [str(error)]
    return "found" if told.findings else "kept", [*map(str, told.findings)]


def test_no_spoilt_file_is_a_crash(tmp_path: Path) -> None:
    """Each message is built and names the file, and all three answers come up."""
    path = tmp_path / "spoilt.yaml"
    came: Counter[str] = Counter()

    @examples(200)
    @given(spoilt())
    def holds(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        answer, messages = answered(path)
        assert all(message.startswith(str(path)) for message in messages)
        came[answer] += 1

    holds()
    assert set(came) == {"refused", "found", "kept"}


def test_a_compose_file_is_read_too() -> None:
    """The repository's own: variables in a table, a password that Compose fills in, durations."""
    path = REPOSITORY / "docker-compose.chaos.yml"
    document = read_document(path)
    env = "services.backend.environment"
    assert variable(document, env, "PORT").text == "8080"
    assert variable(document, env, "DATABASE_URL").state == "external"
    check = "services.backend.healthcheck"
    window = Window(
        initial_delay_s=f"{check}.interval",  # Docker looks first after one interval
        period_s=f"{check}.interval",
        failures=f"{check}.retries",
        startup_s=TOPOLOGY.apps["backend"].deadlines.startup_s,
    )
    rules = Deployment(
        file=str(path), env=env, window=window, required=("DATABASE_URL",), ports=("$PORT", 8080.0)
    )
    told = check_deployment(ruled(rules))
    assert told.findings == ()
    assert [check.rule for check in told.checks] == ["required", "window", "ports"]
