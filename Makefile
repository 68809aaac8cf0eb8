# `make` alone lists the targets. Every target first sees to .venv, which takes minutes once
# and no time after that; PYTHON=/path/to/python picks the interpreter.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory
unexport PYTHONPATH PYTHONHOME

PYTHON ?=
WORKERS ?= 2
export PYTHON

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help env demo test lint format types imports notebooks browser bench coverage checks life recipes truth scripts lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{ printf "%-18s %s\n", $$1, $$2 }'

env:  ## create or update .venv
	@sh .ci/setup

demo: env  ## simulate an experiment, answer it, print the verdict and the page
	@$(BIN)/whatif demo

test: env  ## run the whole suite of fast tests, and the examples in docstrings
	@$(PYTEST) -n $(WORKERS) --doctest-modules tests whatif

lint: env  ## check style and formatting
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/ruff format --quiet --check --output-format concise .

format: env  ## format, and mend what can be mended
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

types: env  ## check types, strictly
	@$(BIN)/mypy

imports: env  ## check that every room imports only what it may
	@$(BIN)/lint-imports --no-logo

notebooks: env  ## run the notebooks top to bottom
	@$(PYTEST) -n $(WORKERS) -m notebook tests

browser: env  ## open the page in Chromium (Debian: apt-get install chromium)
	@WHATIF_NO_SKIPS=1 $(PYTEST) -n $(WORKERS) -m browser tests

bench: env  ## time and memory beside the bare cross-fit and other software (minutes)
	@$(BIN)/python -m tests.benchmarks.bench $(if $(ONLY),--only $(ONLY))

coverage: env  ## coverage and size by simulation (an hour or more; ONLY=part for a part)
	@$(BIN)/python -m tests.benchmarks.coverage $(if $(ONLY),--only $(ONLY))

checks: env  ## false alarms and power of every check (an hour or more; ONLY=part for a part)
	@$(BIN)/python -m tests.benchmarks.checks $(if $(ONLY),--only $(ONLY))

life: env  ## play ten Mondays of one study, and keep the site after each
	@$(BIN)/python -m tests.life

recipes: env  ## run the Airflow, Dagster and Prefect recipes on the real systems (minutes)
	@$(BIN)/python -m tests.recipes

truth: env  ## compute the true effects of the simulator again (many minutes)
	@$(BIN)/python -m whatif.simulate.truth

scripts: env  ## minify the scripts of a page again
	@$(BIN)/python -m tests.minified

lock:  ## resolve requirements.lock again (needs uv; UPGRADE=--upgrade takes newer versions)
	@command -v uv >/dev/null || { echo 'make lock needs uv; install it, e.g. `pipx install uv`.' >&2; exit 1; }
	@UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile pyproject.toml --quiet --all-extras --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE) --output-file requirements.lock

clean:  ## remove caches (.venv stays; delete the folder to start afresh)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find whatif tests -name __pycache__ -type d -prune -exec rm -rf {} +
