# Milepost: each target does its own set-up, and is quick the second time.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: help setup check test postgres sweep mutants bench demo serve lock clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP)  ## a virtual environment with everything pinned; leaves .venv/bin/milepost

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Milepost needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

check: $(STAMP)  ## format, lint, types, layers, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

test: $(STAMP)  ## every test, on both cores
	$(BIN)/python -m pytest -n auto --dist loadgroup

postgres: $(STAMP)  ## the tests of verbs and API once more, on PostgreSQL
	$(BIN)/python -m pytest -n auto --on postgres tests/sync tests/api tests/web tests/webhooks

sweep: $(STAMP)  ## pushes killed at every point of their journal, and faults at every call, for each profile
	$(BIN)/python -m pytest -m sweep -n auto

mutants: $(STAMP)  ## the mutation score of app/core and mappings; at least 85 %
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/mutmut.txt
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/python tests/mutants.py

bench: $(STAMP)  ## the budgets of docs/architecture.md, measured
	$(BIN)/python -m benchmarks

demo: $(STAMP)  ## a roadmap, two sandbox trackers, people at work
	$(BIN)/milepost demo

serve: $(STAMP)  ## the service on http://127.0.0.1:8000
	$(BIN)/milepost serve

lock: $(STAMP)  ## pin again, with hashes and without addresses (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements/dev.txt
	echo setuptools | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/build.txt
	echo 'mutmut>=3.8,<3.9' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/dev.txt - -o requirements/mutmut.txt
	echo 'perceval>=1.6,<1.7' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate - -o benchmarks/perceval.txt

clean:  ## forget the virtual environment
	rm -rf .venv .cache mutants build *.egg-info
