# The two commands of a fresh machine: `make app` starts the app, `make test` runs every check.
# Both take more arguments as ARGS="..." and, for another Python from 3.11 to 3.13, PYTHON=path.

PYTHON ?= python3.11
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUNTIME := $(VENV)/runtime-installed
DEVELOPMENT := $(VENV)/development-installed
BENCHMARKS := $(VENV)/benchmarks-installed
CLUSTER := $(VENV)/cluster-installed
PROCESSES = $(shell $(BIN)/python -c 'import os; print(min(4, os.cpu_count() or 1))')
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: app test lint format browser screenshots clean

app: $(RUNTIME)
	$(BIN)/python app.py $(ARGS)

# Test files share the cores: processes of one thread each, at most four. No more than cores, since
# tests of the page keep more than one busy each. They start hundreds more, which find bytecode. A
# process that dies is not replaced: xdist 3.8 would wait for ever for tests that it had done.
test: lint browser $(BENCHMARKS) $(CLUSTER)
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 \
	$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadfile --max-worker-restart=0 \
	$(ARGS)

lint: $(DEVELOPMENT)
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

format: $(DEVELOPMENT)
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

screenshots: $(DEVELOPMENT) browser
	$(BIN)/python tests/browser/make_screenshots.py

browser:
	@command -v chromium >/dev/null \
	|| { $(AS_ROOT) apt-get update && $(AS_ROOT) apt-get install --yes --no-install-recommends chromium; } \
	|| { echo "The browser tests need Chromium, which could not be installed:" \
		"install the package chromium and run this again." >&2; exit 1; }

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	|| { echo "Python 3.11, 3.12 or 3.13 is needed and $(PYTHON) is none of them: install one, or" \
		"name it with PYTHON=/path/to/python3.12." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# Tests of what needs these are skipped where there is no compiler.
$(BENCHMARKS): requirements-bench.txt $(DEVELOPMENT)
	$(PIP) install -r requirements-bench.txt \
	|| echo "Some measures of sound are not installed: they take compilers of C and C++." >&2
	@touch $@

# Tests on a Ray cluster are skipped where it has no wheels.
$(CLUSTER): requirements-cluster.txt $(DEVELOPMENT)
	$(PIP) install -r requirements-cluster.txt \
	|| echo "Ray is not installed: tests that need it are skipped." >&2
	@touch $@

# The package itself is installed as the files here, for the script `combiner`; its kernels are
# compiled, so that nobody waits for that.
$(RUNTIME): requirements.txt pyproject.toml $(BIN)/python
	$(PIP) install -r requirements.txt --editable .
	$(BIN)/python -m demo.work
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	$(PIP) install -r requirements-dev.txt
	@touch $@
