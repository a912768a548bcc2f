"""The `chaos` fixture: it runs the plan of a scenario and passes, fails or skips the test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from chaoslab.errors import SpecError
from chaoslab.gate.report_hooks import problems_property
from chaoslab.printable import each_line
from chaoslab.pytest_plugin.awaiting import BEGUN, CALLED, own_task
from chaoslab.pytest_plugin.run import RUN, Run
from chaoslab.pytest_plugin.scenario import Scenario, require_pass

if TYPE_CHECKING:
    from chaoslab.expectations.base import Expectation
    from chaoslab.model.faults import Declared
    from chaoslab.model.load import Load, Sampling
    from chaoslab.model.loader.scenario_requests import Requests
    from chaoslab.model.plan import Boot, Plan
    from chaoslab.model.policy import OutageMode, PolicyMoment
    from chaoslab.model.steps import Probe, Step
    from chaoslab.results import HowLong, Result

T = TypeVar("T")
WITHIN_S = 600.0  # of a search for the length that breaks an app


class Chaos:
    """Runs scenarios on the topology. The fixture `chaos` gives one to each test."""

    def __init__(self, run: Run, request: pytest.FixtureRequest) -> None:
        self._run = run
        self._request = request
        self.topology = run.topology

    @property
    def runtime(self) -> str:
        """The name of the runtime of this session, such as `netns`; `local` is never returned."""
        return self._run.choice.runtime

    @property
    def counts_refused(self) -> bool:
        """Whether this runtime counts the connects that a fault refuses.

        Without it a verdict about an app that only connects and exits is UNKNOWN under `refused`.
        """
        return self._run.choice.counts_refused

    def policy(
        self,
        service: str,
        moment: PolicyMoment,
        *,
        mode: OutageMode | None = None,
        app: str = "",
        fault: str = "",
    ) -> tuple[Expectation, ...]:
        """The expectations that say what the topology declares of an app without `service`: the
        policy in `[apps.<app>.policies.<service>]` for this moment, and what must hold under any
        policy.

        `mode` is required only if the policy depends on it. `app` may be left out if the topology
        has only one app. `fault` is the label of the fault; empty means the plan's first one. The
        plan needs a load of each request of the app.
        """
        from chaoslab.expectations.of_policy import expected

        assert self.topology is not None, "the session has loaded it"
        try:
            return expected(self.topology, service, moment, mode, app=app, fault=fault)
        except SpecError as error:
            mistake = error
        self._request.node.user_properties.append(problems_property(mistake))
        pytest.fail(each_line(str(mistake)), pytrace=False)

    def run(
        self,
        *faults: Declared,
        expect: Sequence[Expectation],
        boots: Sequence[Boot] | None = None,
        load: Sequence[Load] = (),
        sampling: Sampling | None = None,
        steps: Sequence[Step] = (),
        probes: Sequence[Probe] = (),
        requests: Requests | None = None,
        limit_s: float | None = None,
        check: bool = True,
    ) -> Coroutine[Any, Any, Result]:
        """Run a plan and judge it. Await the call: a test that does not await it fails.

        The call needs a running asyncio loop and returns the Result. A verdict FAIL or UNKNOWN
        fails the test, with the reasons. The test is skipped if the proxy or the platform does not
        support one of the faults. An error of the lab fails the test. With `check=False` no verdict
        fails the test; the test's own code decides from the result. The gate still reads the saved
        verdicts, so a FAIL stays a FAIL there.

        `requests` are requests of apps beside those of the topology, as the same tables:
        `{"backend": {"order": {"kind": "write", "path": "/orders", …}}}`.
        """
        return self._called(
            "run",
            self._run_plan(
                faults,
                expect=expect,
                boots=boots,
                load=load,
                sampling=sampling,
                steps=steps,
                probes=probes,
                requests=requests or {},
                limit_s=limit_s,
                check=check,
            ),
        )

    def how_long(
        self,
        plan: Callable[[float], Plan],
        *,
        lengths_s: Sequence[float],
        at_least_s: float | None = None,
        narrow_to_s: float | None = None,
        try_all: bool = False,
        within_s: float = WITHIN_S,
        fault: str = "",
        requests: Requests | None = None,
    ) -> Coroutine[Any, Any, HowLong]:
        """Run the plan that `plan` makes for each of the lengths, from the shortest on, until one
        breaks the app. Await the call. It returns the HowLong: which lengths the app survived.

        `plan` gets a length in seconds, and uses it in the stop of a fault, as in
        `stop=when.in_force("cut", hold_s)`. `fault` names that fault if the length changes several.
        Each length is a run of its own, with a fresh app and fresh services, in a folder named by
        the length.

        The app must survive `at_least_s`, which is tried too: the test fails if that length, or a
        shorter one that is tried, is FAIL or UNKNOWN. A longer one that breaks the app is only
        reported. With None no length is required, and the test fails if none is decided.

        With `narrow_to_s` the middle between the longest length that the app survived and the
        shortest one that broke it is tried, until they differ by at most so many seconds. With
        `try_all` the lengths after the one that broke the app are tried too. No length begins later
        than `within_s` seconds after the first. `requests` are as for `run`.
        """
        return self._called(
            "how_long",
            self._how_long(
                plan,
                requests or {},
                lengths_s=lengths_s,
                at_least_s=at_least_s,
                narrow_to_s=narrow_to_s,
                try_all=try_all,
                within_s=within_s,
                fault=fault,
            ),
        )

    def _called(self, name: str, call: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """The call, noted so that a test that does not await it fails."""
        self._request.node.stash.setdefault(CALLED, []).append((name, call))
        return call

    def _begun(self, name: str) -> Scenario:
        self._request.node.stash.setdefault(BEGUN, []).append((name, own_task(name)))
        return Scenario(self._run, self._request.node)

    async def _run_plan(
        self,
        faults: tuple[Declared, ...],
        *,
        expect: Sequence[Expectation],
        boots: Sequence[Boot] | None,
        load: Sequence[Load],
        sampling: Sampling | None,
        steps: Sequence[Step],
        probes: Sequence[Probe],
        requests: Requests,
        limit_s: float | None,
        check: bool,
    ) -> Result:
        scenario = self._begun("run")
        from chaoslab.model.load import Sampling
        from chaoslab.model.plan import Boot, Plan
        from chaoslab.report.properties import properties_of

        plan = Plan(
            boots=tuple(boots) if boots is not None else (Boot(),),
            faults=faults,
            load=tuple(load),
            sampling=sampling or Sampling(),
            steps=tuple(steps),
            probes=tuple(probes),
            expect=tuple(expect),
            limit_s=limit_s,
        )
        result = await scenario.carried_out(plan, scenario.new_folder(), requests)
        self._request.node.user_properties += properties_of(result.verdicts)
        if check:
            require_pass(result, scenario.topology)
        return result

    async def _how_long(
        self, plan: Callable[[float], Plan], requests: Requests, **asked: Any
    ) -> HowLong:
        scenario = self._begun("how_long")
        from chaoslab.model.lengths import search_of
        from chaoslab.pytest_plugin.how_long import how_long

        try:
            search = search_of(plan, **asked)
        except SpecError as error:
            self._request.node.user_properties.append(problems_property(error))
            pytest.fail(each_line(str(error)), pytrace=False)
        return await how_long(scenario, plan, requests, search)


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """The `Chaos` of a test, which runs a scenario on the topology: `await chaos.run(fault, …,
    expect=[…])`.
    """
    return Chaos(request.config.stash[RUN], request)
