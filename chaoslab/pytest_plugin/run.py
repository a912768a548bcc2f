"""The run of one pytest session: its folder, seed, topology and runtime."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaoslab.clock import wall_time
from chaoslab.errors import OldTopology, RuntimeUnavailable, SpecError
from chaoslab.runtimes.table import TABLE, usual_proxy
from chaoslab.seeds import fresh_seed

if TYPE_CHECKING:
    from chaoslab.faults.mutation import Mutation
    from chaoslab.lab.interrupts import Interrupts
    from chaoslab.model.topology import Topology
    from chaoslab.proxies.base import ProxyKind
    from chaoslab.runtimes.base import RuntimeSession
    from chaoslab.runtimes.choice import Choice

RUN = pytest.StashKey["Run"]()


class Run:
    """The run of one pytest session: its folder, seed, topology, runtime and proxy."""

    def __init__(self, config: pytest.Config) -> None:
        shared = getattr(config, "workerinput", {})  # under xdist the controller has decided both
        seed = config.getoption("--chaos-seed")
        self.seed: int = shared.get("chaos_seed", fresh_seed() if seed is None else seed)
        name = f"{wall_time():%Y%m%d-%H%M%S}-{self.seed:08x}"
        results = Path(config.getoption("--chaos-results") or config.rootpath / "results")
        self.folder = Path(shared.get("chaos_folder", results.resolve() / name))
        self._asked: str = config.getoption("--chaos-runtime")
        self._choice: Choice | None = None
        self.proxy: ProxyKind = config.getoption("--chaos-proxy") or usual_proxy(self._asked)
        self.disabled = self._mutation(config.getoption("--chaos-disable"))
        self.max_lag_s: float | None = config.getoption("--chaos-max-lag-s")
        self.topology: Topology | None = None
        self.touches: tuple[str, ...] = ()
        self._session: RuntimeSession | None = None
        self._interrupts: Interrupts | None = None
        self._controller: int | None = shared.get("chaos_controller")
        self._labs = 0

    @contextmanager
    def lab_under_way(self) -> Iterator[None]:
        """Count one more running lab while the block runs.

        From the first lab on, an xdist worker is ended if its controller ends.
        """
        self._watch_controller()
        self._labs += 1
        try:
            yield
        finally:
            self._labs -= 1

    def _watch_controller(self) -> None:
        controller, self._controller = self._controller, None
        if controller is None or controller != os.getppid():  # no worker, or watched already
            return
        from chaoslab.lab.controller import ControllerWatch

        may_kill = not TABLE[self.choice.runtime].external_proxy
        ControllerWatch(controller, holds_a_lab=self._holds_a_lab, may_kill=may_kill)

    def _holds_a_lab(self) -> bool:
        """Whether this process runs a lab, or its session has parts that the scenarios share."""
        shares = TABLE[self.choice.runtime].shares_parts and self._session is not None
        return self._labs > 0 or shares

    @property
    def interrupts(self) -> Interrupts:
        """The handler of Ctrl-C during scenarios. It is made at the first use."""
        from chaoslab.lab.interrupts import Interrupts

        if self._interrupts is None:
            self._interrupts = Interrupts()
        return self._interrupts

    def _mutation(self, text: str | None) -> Mutation | None:
        """The fault to disable, read from the text of --chaos-disable; None if the option is not
        given.

        Raises UsageError if the text has a mistake, or if the runtime is not a local one or the
        proxy not the embedded engine.
        """
        if text is None:
            return None
        from chaoslab.faults.mutation import read_mutation

        if not self.proxy == usual_proxy(self._asked) == "embedded":
            raise pytest.UsageError(
                f"--chaos-disable {text}: only the embedded engine of a local runtime can "
                f"disable a fault; got {self.proxy} of runtime {self._asked}"
            )
        try:
            return read_mutation(text)
        except SpecError as error:
            raise pytest.UsageError(str(error)) from None

    def load_topology(self, config: pytest.Config) -> None:
        """Read the topology, choose the runtime, and check it and the folder of results, before any
        scenario runs.

        A mistake in one of these is raised as a UsageError.
        """
        from chaoslab import services
        from chaoslab.history.files import check_room
        from chaoslab.model.builds import with_commands
        from chaoslab.model.loader import find_topology, load_topology
        from chaoslab.runtimes.choice import choose

        named = config.getoption("--chaos-topology")
        try:
            path = Path(named) if named else find_topology(config.rootpath)
            commands = config.getoption("--chaos-command")
            self.topology = with_commands(load_topology(path, kinds=services.kinds()), commands)
            self._choice = choose(self._asked, self.topology, self.proxy)
            if not hasattr(config, "workerinput"):
                self.session().check()
                if not config.option.collectonly:
                    check_room(self.folder)
                    self.touches = self.session().touches
        # OldTopology is a warning; a filter of the project may turn it into an error
        except (SpecError, RuntimeUnavailable, OldTopology) as error:
            raise pytest.UsageError(str(error)) from None

    @property
    def choice(self) -> Choice:
        """The runtime of this session, and why it was chosen. It needs `load_topology`."""
        assert self._choice is not None
        return self._choice

    def session(self) -> RuntimeSession:
        """The runtime's session, which holds the parts that the scenarios of this process share.

        The first call opens the session.
        """
        from chaoslab.runtimes.kind import runtime_kind

        if self._session is None:
            assert self.topology is not None
            open_session = runtime_kind(self.choice.runtime).open_session
            self._session = open_session(self.topology, self.proxy)
        return self._session

    def end_interrupts(self) -> None:
        """Remove the scenarios' handler of Ctrl-C, if there is one.

        Call this after pytest has printed its report.
        """
        if self._interrupts is not None:
            self._interrupts.restore()

    def close(self) -> None:
        """Remove the shared parts. Raises ServiceFailed if something is left."""
        if self._session is not None:
            self._session.close()
