"""The pytest plugin: the `chaos` fixture, options and markers. Translation only.

Nothing heavy is imported before a test asks for `chaos`: pytest loads this file in every session
of every project that has chaoslab installed.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
from collections.abc import Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from chaoslab.clock import wall_time
from chaoslab.errors import (
    ChaoslabError,
    FaultUnsupported,
    ResultsUnwritable,
    RuntimeUnavailable,
    SpecError,
)
from chaoslab.gate.options import MARKERS, add_options
from chaoslab.gate.report_hooks import RUN_PROPERTY, TROUBLE_PROPERTY, ReportWriter
from chaoslab.printable import each_line, one_line
from chaoslab.seeds import fresh_seed

if TYPE_CHECKING:
    from asyncio import Task

    from chaoslab.expectations.base import Expectation
    from chaoslab.faults.mutation import Mutation
    from chaoslab.history.events import AnyEvent
    from chaoslab.history.run_folder import RunFolder
    from chaoslab.lab.interrupts import Interrupts
    from chaoslab.model.faults import Declared
    from chaoslab.model.load import Load, Sampling
    from chaoslab.model.plan import Boot, Plan
    from chaoslab.model.topology import Topology
    from chaoslab.model.verdict import Verdict
    from chaoslab.proxies.base import ProxyKind
    from chaoslab.runtimes.base import RuntimeKind, RuntimeSession

_RUN = pytest.StashKey["Run"]()
_CALLED = pytest.StashKey["list[Coroutine[Any, Any, tuple[Verdict, ...]]]"]()  # chaos.run(...)
_BEGUN = pytest.StashKey["list[Task[Any]]"]()  # in which task each of them is carried out
_UNASKED = "_log_traceback"  # of a task: it has failed, and nobody has asked what came of it


class Run:
    """One pytest session's run: its folder below the results, its seed, its topology."""

    def __init__(self, config: pytest.Config) -> None:
        shared = getattr(config, "workerinput", {})  # under xdist the controller has decided both
        seed = config.getoption("--chaos-seed")
        self.seed: int = shared.get("chaos_seed", fresh_seed() if seed is None else seed)
        name = f"{wall_time():%Y%m%d-%H%M%S}-{self.seed:08x}"
        results = Path(config.getoption("--chaos-results") or config.rootpath / "results")
        self.folder = Path(shared.get("chaos_folder", results.resolve() / name))
        self.runtime: RuntimeKind = config.getoption("--chaos-runtime")
        usual: ProxyKind = "embedded" if self.runtime == "local" else "toxiproxy"
        self.proxy: ProxyKind = config.getoption("--chaos-proxy") or usual
        self.disabled = self._mutation(config.getoption("--chaos-disable"))
        self.topology: Topology | None = None
        self._session: RuntimeSession | None = None
        self._interrupts: Interrupts | None = None
        self._controller: int | None = shared.get("chaos_controller")
        self._labs = 0

    @contextmanager
    def lab_under_way(self) -> Iterator[None]:
        """From now on, and in a worker of xdist, this process ends with its controller."""
        self._watch_controller()
        self._labs += 1
        try:
            yield
        finally:
            self._labs -= 1

    def _watch_controller(self) -> None:
        controller, self._controller = self._controller, None
        if controller is None or controller != os.getppid():  # none, watched, or elsewhere
            return
        from chaoslab.lab.controller import ControllerWatch

        may_kill = self.runtime != "attach"
        ControllerWatch(controller, holds_a_lab=self._holds_a_lab, may_kill=may_kill)

    def _holds_a_lab(self) -> bool:
        """Whether something of a lab would outlive the controller."""
        shares = self.runtime in ("docker", "compose") and self._session is not None
        return self._labs > 0 or shares

    @property
    def interrupts(self) -> Interrupts:
        """What Ctrl-C does while a scenario runs, and from then on."""
        from chaoslab.lab.interrupts import Interrupts

        if self._interrupts is None:
            self._interrupts = Interrupts()
        return self._interrupts

    def _mutation(self, text: str | None) -> Mutation | None:
        """The fault to disable; only where the lab's own engine carries the traffic."""
        if text is None:
            return None
        from chaoslab.faults.mutation import read_mutation

        if (self.runtime, self.proxy) != ("local", "embedded"):
            raise pytest.UsageError(
                f"--chaos-disable {text}: only the embedded engine of runtime local can show a "
                f"fault that does nothing; got {self.proxy} of runtime {self.runtime}"
            )
        try:
            return read_mutation(text)
        except SpecError as error:
            raise pytest.UsageError(str(error)) from None

    def load_topology(self, config: pytest.Config) -> None:
        """Read the topology once, before any scenario runs; a mistake in it is a usage error."""
        from chaoslab import services
        from chaoslab.history.files import check_room
        from chaoslab.model.builds import with_commands
        from chaoslab.model.loader import find_topology, load_topology

        named = config.getoption("--chaos-topology")
        try:
            path = Path(named) if named else find_topology(config.rootpath)
            commands = config.getoption("--chaos-command")
            self.topology = with_commands(load_topology(path, kinds=services.kinds()), commands)
            if not hasattr(config, "workerinput"):
                self.session().check()
                if not config.option.collectonly:
                    check_room(self.folder)
        except (SpecError, RuntimeUnavailable) as error:
            raise pytest.UsageError(str(error)) from None

    def session(self) -> RuntimeSession:
        """What the scenarios of this process share; nothing is started before the first of them."""
        from chaoslab.runtimes.sessions import open_session

        if self._session is None:
            assert self.topology is not None
            self._session = open_session(self.runtime, self.topology, self.proxy)
        return self._session

    def end_interrupts(self) -> None:
        """The report is out: Ctrl-C is Python's own again."""
        if self._interrupts is not None:
            self._interrupts.restore()

    def close(self) -> None:
        """Take away what the scenarios shared. Raises ServiceFailed where something is left."""
        if self._session is not None:
            self._session.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.stash[_RUN] = Run(config)
    if (report := config.getoption("--chaos-report")) and not hasattr(config, "workerinput"):
        try:
            writer = ReportWriter(Path(report), config.rootpath)
            config.pluginmanager.register(writer, "chaoslab-report")
        except OSError as error:
            raise pytest.UsageError(f"--chaos-report {report}: {error.strerror}") from None


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if (run := config.stash.get(_RUN, None)) is not None:
        run.end_interrupts()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Every xdist worker writes into the same run, with the same seed."""
    run = node.config.stash[_RUN]
    node.workerinput.update(
        chaos_seed=run.seed, chaos_folder=str(run.folder), chaos_controller=os.getpid()
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    if any("chaos" in getattr(item, "fixturenames", ()) for item in session.items):
        session.config.stash[_RUN].load_topology(session.config)


class Chaos:
    """Runs one scenario: faults and expectations on the topology, from nothing to verdicts."""

    def __init__(self, run: Run, request: pytest.FixtureRequest) -> None:
        self._run = run
        self._request = request
        self.topology = run.topology

    def run(
        self,
        *faults: Declared,
        expect: Sequence[Expectation],
        boots: Sequence[Boot] | None = None,
        load: Sequence[Load] = (),
        sampling: Sampling | None = None,
        limit_s: float | None = None,
    ) -> Coroutine[Any, Any, tuple[Verdict, ...]]:
        """Carry the plan out and hold it to what it expects, once it is awaited.

        Fails the test on FAIL and on UNKNOWN, each with its reasons; skips it, with the reason,
        where the proxy or the platform cannot make one of the faults. Returns the verdicts. Needs
        asyncio's loop. A test that does not await it to its end fails.
        """
        called = self._run_plan(
            faults,
            expect=expect,
            boots=boots,
            load=load,
            sampling=sampling,
            limit_s=limit_s,
        )
        self._request.node.stash.setdefault(_CALLED, []).append(called)
        return called

    async def _run_plan(
        self,
        faults: tuple[Declared, ...],
        *,
        expect: Sequence[Expectation],
        boots: Sequence[Boot] | None,
        load: Sequence[Load],
        sampling: Sampling | None,
        limit_s: float | None,
    ) -> tuple[Verdict, ...]:
        self._request.node.stash.setdefault(_BEGUN, []).append(_own_task())
        from chaoslab.history.run_folder import RunFolder
        from chaoslab.lab.carry_out import Setting, carry_out
        from chaoslab.model.load import Sampling
        from chaoslab.model.plan import Boot, Plan
        from chaoslab.model.verdict import Outcome
        from chaoslab.report.runs import save_verdicts
        from chaoslab.verdicts.doubts import VERDICTS_UNSAVED, doubted
        from chaoslab.verdicts.judge import outcome_of

        assert self.topology is not None
        folder = RunFolder(_fresh_folder(self._run.folder / _scenario_name(self._request.node)))
        plan = Plan(
            name=folder.path.name,
            boots=tuple(boots) if boots is not None else (Boot(),),
            faults=faults,
            load=tuple(load),
            sampling=sampling or Sampling(),
            expect=tuple(expect),
            limit_s=limit_s,
        )
        if self._request.config.getoption("--chaos-plan-only"):
            self._only_planned(plan, folder)
        listeners = (self._progress,) if _shows_progress(self._request.config) else ()
        if listeners:
            self._tell(f"\n{plan.name}")
        setting = Setting(
            open_runtime=self._run.session().lab,
            proxy=self._run.proxy,
            seed=self._run.seed,
            listeners=listeners,
            disabled=self._run.disabled,
        )
        try:
            with self._run.lab_under_way(), self._run.interrupts.cancelling(self._tell):
                verdicts, refusal = await carry_out(self.topology, plan, setting, folder), None
        except ChaoslabError as error:
            verdicts, refusal = (), error
        if isinstance(refusal, FaultUnsupported | SpecError) and not isinstance(
            refusal, ResultsUnwritable
        ):
            _discard(folder.path)
        else:
            self._request.node.user_properties.append((RUN_PROPERTY, str(folder.path)))
        if isinstance(refusal, FaultUnsupported):
            pytest.skip(each_line(f"fault not supported here: {refusal}"))
        if refusal is not None:
            self._request.node.user_properties.append((TROUBLE_PROPERTY, type(refusal).__name__))
            pytest.fail(each_line(str(refusal)), pytrace=False)
        try:
            save_verdicts(folder, verdicts)
        except ResultsUnwritable as error:
            verdicts = doubted(verdicts, (VERDICTS_UNSAVED(why=str(error)),))
        outcome = outcome_of(verdicts)
        if listeners:
            self._tell(f"  {outcome.value}: " + ", ".join(v.name for v in verdicts))
        if outcome is not Outcome.PASS:
            pytest.fail(_explained(verdicts, folder.path), pytrace=False)
        return verdicts

    def _only_planned(self, plan: Plan, folder: RunFolder) -> NoReturn:
        from chaoslab.model.plan import resolve

        assert self.topology is not None
        try:
            folder.save_plan(self.topology, resolve(plan, self.topology))
        except SpecError as error:
            _discard(folder.path)
            pytest.fail(str(error), pytrace=False)
        self._request.node.user_properties.append((RUN_PROPERTY, str(folder.path)))
        pytest.skip("only planned")

    def _progress(self, event: AnyEvent) -> None:
        from chaoslab.report.progress import line

        if (text := line(event)) is not None:
            self._tell(text)

    def _tell(self, text: str) -> None:
        config = self._request.config
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        capture = config.pluginmanager.get_plugin("capturemanager")
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(text)


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """Runs a scenario on the topology: `await chaos.run(fault, …, expect=[…])`."""
    return Chaos(request.config.stash[_RUN], request)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test that called `chaos.run(…)` and let it be has tried nothing: it fails."""
    try:
        result = yield
    except BaseException:
        _not_awaited(item)
        raise
    if why := _not_awaited(item):
        pytest.fail(why, pytrace=False)
    return result


def _not_awaited(item: pytest.Item) -> str:
    """What the test did not await to its end; empty where there is nothing. Nothing that was never
    begun is left for Python to warn of.
    """
    states = []
    for called in item.stash.get(_CALLED, []):
        states.append(inspect.getcoroutinestate(called))
        if states[-1] == inspect.CORO_CREATED:
            called.close()
    if inspect.CORO_CREATED in states:
        return "chaos.run(…) was called and not awaited, so nothing ran: write `await chaos.run(…)`"
    if any(state != inspect.CORO_CLOSED for state in states):
        return "the test ended before chaos.run(…) did: write `await chaos.run(…)`"
    for task in item.stash.get(_BEGUN, []):
        if task.done() and getattr(task, _UNASKED, False):
            why = f"chaos.run(…) ended, and the test did not await it: {task.exception()}"
            return each_line(why)
    return ""


def _own_task() -> Task[Any]:
    """The task that this is part of; fails the test where there is no asyncio."""
    import asyncio

    with suppress(RuntimeError):
        if (task := asyncio.current_task()) is not None:
            return task
    pytest.fail(
        "chaos.run(…) needs asyncio's event loop, and none runs this test: use pytest-asyncio, "
        "or anyio with its asyncio backend; trio is unsupported",
        pytrace=False,
    )


def _discard(folder: Path) -> None:
    """Nothing was run, so nothing is kept: not even the run's folder, if it is the first."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take the shared containers away; what is left of them fails the session."""
    run = session.config.stash[_RUN]
    with suppress(OSError):  # where nothing was run
        run.folder.rmdir()
    try:
        run.close()
    except ChaoslabError as error:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(each_line(f"\nchaoslab: {error}"), red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of start-up latencies, and where the run was saved."""
    run = config.stash[_RUN]
    if hasattr(config, "workerinput") or not any(run.folder.glob("*/history.jsonl")):
        return
    from chaoslab.report.summary import summary

    terminalreporter.section("chaoslab")
    try:
        for text in summary(run.folder):
            terminalreporter.write_line(one_line(text))
    except ChaoslabError as error:  # a history that cannot be read must not hide the outcome
        terminalreporter.write_line(each_line(f"no table: {error}"), red=True)
    terminalreporter.write_line(f"seed {run.seed}; saved in {_shown(run.folder)}")


def _shows_progress(config: pytest.Config) -> bool:
    wanted = config.getoption("--chaos-progress")
    if wanted == "auto":
        return config.get_verbosity() >= 0 and not hasattr(config, "workerinput")
    return bool(wanted == "on")


def _scenario_name(node: pytest.Item) -> str:
    file, _, inside = node.nodeid.partition("::")
    module = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    plain = f"{module}-{inside.replace('::', '-').removeprefix('test_')}"
    return re.sub(r"[^\w.-]+", "_", plain).strip("_")


def _fresh_folder(wanted: Path) -> Path:
    """A folder that no other run has: a test may run two plans, two files may have one name."""
    from chaoslab.history.files import make_folder

    for number in count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with suppress(FileExistsError):
            make_folder(path)
            return path
    raise AssertionError


def _explained(verdicts: Sequence[Verdict], folder: Path) -> str:
    from chaoslab.report.verdicts_text import explained

    return "\n".join([*explained(verdicts), f"  history: {_shown(folder)}/history.jsonl"])


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
