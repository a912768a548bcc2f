# make demo: one severed connector, watched. make test: every check. make gate: may it be released?
SHELL := /bin/sh
VENV ?= .venv
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The tests mostly wait for servers and clocks: five keep two cores busy for most of the time.
WORKERS ?= 5
# The checks start some thousand interpreters: each would compile the package again.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Names of the images that docker/airgapped/images.sh has built, unless the environment has others.
ifndef CHAOSLAB_IMAGE_POSTGRES
-include docker/airgapped/images.env
endif

.PHONY: help demo test check quick beforehand lint types imports toxiproxy unit stacks gate corpus loopback real-toxiproxy docker docker-gate compose node-clients installed-examples examples format clean

help:
	@echo "make demo    sever the VPC connector of a real backend and watch it boot, degrade, recover"
	@echo "make test    format, lint, types, import contracts, tests, every scenario, the gate and its corpus"
	@echo "make gate    the staged gate, held to the reference backend"
	@echo "make corpus  builds and services with known bugs, each to be refused for its own reason"
	@echo "make check   the quick part of it, before each commit"

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "chaoslab needs Python 3.11 or newer: none found on PATH (set PYTHON=)"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "  on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[servers,containers,mysql,rabbitmq,reference,field,dev]'
	@touch $(READY)

demo: $(READY)
	$(BIN)/pytest scenarios/ -m vpc_outage

# Every part runs, also when one before it failed; the end lists what failed.
# `docker` is not among them: the gate in containers runs the same scenarios.
PARTS := beforehand unit stacks gate corpus loopback real-toxiproxy docker-gate compose examples

test: $(READY)
	@sh scripts/every_part.sh "$(MAKE)" $(PARTS)

# What needs neither servers nor clocks runs side by side.
BESIDE := $(MAKE) --no-print-directory --keep-going --jobs=4

check: $(READY)
	@$(BESIDE) lint types imports quick

quick: $(READY)
	$(BIN)/pytest tests -q -n 3 --dist worksteal -m "not slow"

beforehand: $(READY)
	@$(BESIDE) lint types imports toxiproxy node-clients installed-examples

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# What starts whole stacks of containers needs the cores for itself.
STACKS := tests/runtimes/containers tests/runtimes/compose tests/docker

# Each worker gets a block of files, so that few build a fixture of a module twice; who is done first
# takes from the others.
unit: $(READY)
	$(BIN)/pytest tests -q -n $(WORKERS) --dist worksteal $(STACKS:%=--ignore=%)

stacks: $(READY)
	$(BIN)/pytest $(STACKS) -q -n 2

# Every scenario, stage by stage.
gate: $(READY)
	$(BIN)/chaoslab gate --runtime local --workers 3

# Each defect, each service of field/ and its twin once; the good build is the gate's.
corpus: $(READY)
	$(BIN)/chaoslab corpus run --no-good --workers 4

# Every scenario on shared loopback, if the gate and the corpus had a network of their own.
loopback: $(READY)
	@if $(BIN)/chaoslab doctor --runtime netns >/dev/null 2>&1; then \
		$(BIN)/pytest scenarios/ -q -rs -n 4 --chaos-runtime=loopback -m vpc_outage; \
	else echo "scenarios on shared loopback: the gate has run them"; fi

# A real Toxiproxy beside the embedded engine: the one on PATH, else built where Go is found.
toxiproxy: $(READY)
	@sh scripts/install_toxiproxy.sh $(BIN) || echo "no real Toxiproxy: what needs one is skipped"

# The client libraries of the Node services of the field corpus.
node-clients:
	@sh scripts/install_node_clients.sh

# Services of others, as users get them from the package registries: one of PyPI, one of npm.
EXAMPLES := examples/flower examples/postgraphile

installed-examples: $(READY)
	@sh scripts/install_examples.sh $(BIN)/python $(EXAMPLES)

# What each does without its service is as its chaoslab.toml accepts it.
examples: $(READY)
	@sh scripts/run_examples.sh $(EXAMPLES)

real-toxiproxy: $(READY)
	@if command -v toxiproxy-server >/dev/null; then \
		$(BIN)/pytest scenarios/ -q -rs -n 4 --chaos-proxy=toxiproxy; \
	else echo "scenarios behind a real Toxiproxy: skipped, none is on PATH and none could be built"; fi

# The outages in containers behind a real Toxiproxy. The gate runs every scenario in containers, and
# real-toxiproxy every scenario behind a real Toxiproxy.
docker: $(READY)
	@if $(BIN)/chaoslab doctor --runtime docker --pull >/dev/null 2>&1; then \
		$(BIN)/pytest scenarios/ -q -rs -n 3 --chaos-runtime=docker -m vpc_outage; \
	else echo "scenarios in containers: skipped, no engine is ready (chaoslab doctor --runtime docker)"; fi

# The gate in containers behind our engine.
docker-gate: $(READY)
	@if $(BIN)/chaoslab doctor --runtime docker --pull >/dev/null 2>&1; then \
		$(BIN)/chaoslab gate --runtime docker --workers 3; \
	else echo "the gate in containers: skipped, no engine is ready (chaoslab doctor --runtime docker)"; fi

# Each of the two workers has a stack of its own.
compose: $(READY)
	@if $(BIN)/chaoslab doctor --runtime compose --pull >/dev/null 2>&1; then \
		$(BIN)/pytest scenarios/ -q -rs -n 2 --chaos-runtime=compose -m vpc_outage; \
	else echo "scenarios on a compose stack: skipped, no Compose is ready (chaoslab doctor --runtime compose)"; fi

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
