# `make` without a target lists the targets. VENV is the folder of the environment; PY is the Python that creates it.
VENV ?= .venv
PY ?= python3
ARGS ?=
STUDY ?= runs/learning_rate

PYTHON := $(VENV)/bin/python
PYTEST := HF_HUB_OFFLINE=1 $(PYTHON) -m pytest -n logical --maxprocesses 4 --dist worksteal
READY := $(VENV)/.ready
REST := slow or browser or gpu

# By default, waiting OpenMP threads spin. If another process uses a core, this makes small models 30 times slower.
export OMP_WAIT_POLICY := PASSIVE
# The tests start many processes, and each of them would compile rpt again if Python wrote no bytecode.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run study test test-all bench check docs format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## create the environment, unless it is up to date

$(READY): pyproject.toml constraints.txt weights.txt scripts/setup.sh
	@VENV='$(VENV)' PY='$(PY)' sh scripts/setup.sh

run: $(READY) ## train a run; with other settings: make run ARGS="encoder=plain lr=0.3"
	$(PYTHON) run.py task=cb encoder=residual $(ARGS)

study: $(READY) ## train the learning-rate study and write its report, 40 minutes; an interrupted study is resumed
	$(PYTHON) run.py -cn learning_rate $(ARGS) || [ $$? -eq 2 ] # exit code 2: some runs diverged, and the report counts these runs
	$(PYTHON) -m rpt.report $(STUDY)

test: $(READY) ## run the quick tests on up to four cores, without network and GPU
	$(PYTEST) -m "not ($(REST))"

test-all: $(READY) ## run all tests, the slow tests included; about 35 minutes on two cores
	$(PYTEST)

bench: $(READY) ## compare the speed with PEFT and Trainer, 10 minutes; also for T5: ARGS="--tokenizer FOLDER"
	$(PYTHON) -m benchmarks.peers $(ARGS)

check: $(READY) ## check format, lint and types
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

docs: $(READY) ## build the documentation site into site/
	@$(PYTHON) -m pip --disable-pip-version-check install -qq -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build

format: $(READY) ## format the code, and apply the fixes that ruff can make
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

clean: ## remove caches, builds and the environment, but no runs
	find . -path ./runs -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist site *.egg-info
	[ ! -f '$(VENV)/pyvenv.cfg' ] || rm -rf '$(VENV)'
