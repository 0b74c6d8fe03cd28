# The words a newcomer needs: demo, test, check, ui, bench. Everything is set up on first use.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CHECK_FOLDER := $(CURDIR)/data/check
export DAGSTER_HOME ?= $(CURDIR)/data/dagster
export PATH := $(CURDIR)/$(BIN):$(PATH)
# A virtual environment without bytecode makes every import three times slower.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow check manifest catalogue ui bench setup clean

demo: setup
	@$(BIN)/atlas demo

test: setup
	@$(BIN)/pytest -n 2 --dist loadgroup -m "not slow"

test-slow: setup
	@$(BIN)/pytest -m slow

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/sqlfluff lint --processes 2 dbt_project
	$(BIN)/lint-imports
	$(BIN)/dg check defs
	$(BIN)/dbt parse --quiet --project-dir dbt_project --profiles-dir dbt_project --target-path $(CHECK_FOLDER) --log-path $(CHECK_FOLDER)

catalogue: setup # after a change in what a source declares
	$(BIN)/python -m atlas_assets.data_sources.catalogue

manifest: setup # after a change in dbt_project/
	$(BIN)/python -m atlas_assets.orchestration.dbt.manifest

ui: setup
	@$(BIN)/atlas ui

bench: setup
	@$(BIN)/python -m atlas_tests.benchmarks

KERNELS = $(subst /,.,$(basename $(shell find atlas_assets -name '*_kernel*.py')))

setup: .venv/.installed

.venv/.installed: constraints.txt pyproject.toml
	@echo "Setting up the environment in .venv (a few minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --no-deps --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib atlas_assets || true # on all cores; some packages carry templates of code, which do not compile
	@printf '%s\n' $(KERNELS) | xargs -P 2 -I{} $(BIN)/python -c "import {}" # compiled once, and kept on disk
	@touch $@

clean:
	rm -rf .venv data .pytest_cache .ruff_cache .hypothesis
