# Everything runs in .venv, which `setup` makes once; change pyproject.toml or constraints.txt and it is brought up to date.

PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-constraints
WORKERS ?= 2

# One thread a process: two cores are shared by the tests' workers, and small networks are faster without more.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
# Environments draw into memory, and need no display for it.
export SDL_VIDEODRIVER ?= dummy
export PYGAME_HIDE_SUPPORT_PROMPT ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types contracts pytest torture format benchmark clean

help:
	@echo "make setup                    make $(VENV) and install the workbench with everything it can use"
	@echo "make demo [PORT=8501]         record the agents that ship, then serve the dashboard on the loopback"
	@echo "make test                     all that CI runs: lint, types, import contracts, tests"
	@echo "make torture                  the long forms of the tests: hundreds of kills, much damage; half an hour"
	@echo "make benchmark [ONLY=name]    measure, and write benchmarks/results.json"
	@echo "make format                   format the sources"
	@echo "make clean                    remove what the tools leave behind (not $(VENV), not runs/)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, but $(PYTHON) is `$(PYTHON) --version 2>&1`; say which with: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once, a minute or two) ..."
	@# Python 3.11's own pip takes twice as long.
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile -c constraints.txt --upgrade pip || true
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile -c constraints.txt -e ".[all,dev]"
	@touch $@

demo: setup
	@$(BIN)/python -m agents.record_all --out runs
	@exec $(BIN)/python -m workbench app runs --port $(PORT) --script app.py

# Types take one core for more than a minute: beside the tests, which often wait for processes to start.
test: lint contracts
	@$(MAKE) --no-print-directory -j2 types pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

pytest: setup
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Whichever worker is free takes the next: they are few, and each takes minutes. They tell how far they are.
torture: setup
	$(BIN)/pytest -m torture -n $(WORKERS) --dist worksteal

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: setup
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
