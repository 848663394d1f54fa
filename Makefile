# `make` alone lists what there is. VENV and PY choose where the environment lies and which Python makes it.
VENV ?= .venv
PY ?= python3
ARGS ?=
STUDY ?= runs/learning_rate

PYTHON := $(VENV)/bin/python
PYTEST := HF_HUB_OFFLINE=1 $(PYTHON) -m pytest -n logical --maxprocesses 4 --dist worksteal
READY := $(VENV)/.ready
REST := slow or browser or gpu

# A waiting OpenMP thread that spins slows small models 30 times wherever another process uses a core.
export OMP_WAIT_POLICY := PASSIVE
# The tests start many processes, and each of them would compile rpt again if Python wrote no bytecode.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run study test test-all bench check docs format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make the environment; nothing to do when it is up to date

$(READY): pyproject.toml constraints.txt weights.txt scripts/setup.sh
	@VENV='$(VENV)' PY='$(PY)' sh scripts/setup.sh

run: $(READY) ## train: make run ARGS="encoder=plain lr=0.3"
	$(PYTHON) run.py task=cb encoder=residual $(ARGS)

study: $(READY) ## the learning-rate study with its report, 40 minutes; it goes on where it was interrupted
	$(PYTHON) run.py -cn learning_rate $(ARGS) || [ $$? -eq 2 ] # 2: some diverged, which the report counts
	$(PYTHON) -m rpt.report $(STUDY)

test: $(READY) ## the quick tests: no network, no GPU; on all cores up to four
	$(PYTEST) -m "not ($(REST))"

test-all: $(READY) ## every test, the slow ones included; about 35 minutes on two cores
	$(PYTEST)

bench: $(READY) ## compare the speed with PEFT and Trainer; T5 shapes with ARGS="--tokenizer FOLDER"; 10 minutes
	$(PYTHON) -m benchmarks.peers $(ARGS)

check: $(READY) ## format, lint and types
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

docs: $(READY) ## build the documentation site into site/
	@$(PYTHON) -m pip --disable-pip-version-check install -qq -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build -q

format: $(READY) ## put the code into the one format, and mend what ruff can mend
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

clean: ## remove caches, builds and the environment; runs stay
	find . -path ./runs -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist site *.egg-info
	[ ! -f '$(VENV)/pyvenv.cfg' ] || rm -rf '$(VENV)'
