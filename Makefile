# `make` explains itself. Every target first sets up what it needs: a virtual environment in .venv
# from the hash-locked constraints.txt, and, for tests, the Web Push service from npm.

PYTHON ?= python3
BIN := .venv/bin
# Of `make simulate` and `make fuzz`.
SEEDS ?= 2000
CASES ?= 20000
# Two processes, each with servers of its own; the tests of a file share what they set up. Files are
# handed out in the order of tests/longest_first.py.
SIDE_BY_SIDE := --numprocesses=2 --dist=loadfile --no-loadscope-reorder
export OMP_WAIT_POLICY := PASSIVE
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all faults faults-short simulate fuzz drill check format bench soak docs lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## create .venv with everything, from the lock

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "sendopt needs Python 3.11 or newer; try: make PYTHON=python3.12 setup" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' constraints.txt > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement .venv/uv.txt
	UV_COMPILE_BYTECODE=1 $(BIN)/uv pip install --system-certs --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

tests/services/node_modules/.ready: .venv/ready tests/services/package-lock.json
	cd tests/services && PATH="$(CURDIR)/$(BIN):$$PATH" NODE_USE_SYSTEM_CA=1 \
		npm ci --loglevel=error --no-audit --no-fund
	@touch $@

demo: .venv/ready ## run the whole line on real push logs: learn, plan, send, track, bill
	$(BIN)/sendopt demo

test: .venv/ready tests/services/node_modules/.ready ## run the test suite (minutes)
	$(BIN)/python -m pytest -m "not slow" $(SIDE_BY_SIDE)

test-all: .venv/ready tests/services/node_modules/.ready ## also the crash loops and large files
	$(BIN)/python -m pytest --hypothesis-profile=thorough $(SIDE_BY_SIDE)

faults: .venv/ready ## attack it by machine, judge, and write docs/faults.md (about an hour)
	cd tests && ../$(BIN)/python -m faults --write

fuzz: .venv/ready ## try the API with CASES requests made from its description, as every role
	cd tests && ../$(BIN)/python -m api.fuzz --cases $(CASES)

drill: .venv/ready ## back up under load, restore elsewhere, compare: ten times to a folder and to S3
	cd tests && ../$(BIN)/python -m backup.drill

faults-short: .venv/ready ## the same with few faults of each kind (minutes)
	cd tests && ../$(BIN)/python -m faults --share 0.02

simulate: .venv/ready ## live SEEDS simulated days, hunt planted bugs, and write docs/simulation.md
	cd tests && ../$(BIN)/python -m simulation.survey --seeds $(SEEDS) --write

check: .venv/ready ## format, lint, strict types, import contract, shape; findings fail
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python benchmarks/shape.py --limits

format: .venv/ready ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready ## time what has to be fast and write docs/benchmarks.md
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/cycle.py --users 100000

soak: .venv/ready ## an hour of mixed traffic, with a graph: docs/soak.md (MINUTES=2 for a short one)
	$(BIN)/python benchmarks/soak.py --minutes $(or $(MINUTES),60)

docs: .venv/ready ## regenerate the reference pages under docs/reference
	$(BIN)/python docs/build.py

lock: .venv/ready ## renew constraints.txt from pyproject.toml
	$(BIN)/uv pip compile --system-certs pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-header --no-annotate --generate-hashes --quiet --output-file constraints.txt

clean: ## remove the environment and everything that was generated
	rm -rf .venv tests/services/node_modules sendopt-demo .mypy_cache .ruff_cache .pytest_cache
