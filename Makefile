# Everything here works on a fresh Debian or Ubuntu that has Python 3.11 or newer and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench crash kills env-kills chaos setup clean

VENV ?= .venv
BIN := $(VENV)/bin
export VENV

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)

demo: ## set up what it needs, then show the main job (ARGS="FOLDER" names the folder)
	@scripts/setup.sh demo
	@$(BIN)/reprun demo $(ARGS)

test: lint ## set up, then lint and run all tests (ARGS="-k name" chooses)
	@$(BIN)/python scripts/run_tests.py -n 6 $(ARGS)

lint: setup ## ruff, mypy, and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: setup ## measure against the bars; prints medians and writes bench/results/
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --editable '.[bench]'
	@$(BIN)/python -m bench $(ARGS)

crash: setup ## the whole crash matrix: kill before, in and after every effect of a launch (ARGS=9: every ninth)
	@$(BIN)/python tests/kills.py matrix $(or $(ARGS),1)

kills: setup ## 1,000 launches killed at random instants (ARGS="200 --seed 7")
	@$(BIN)/python tests/kills.py random $(or $(ARGS),1000)

env-kills: setup ## launches killed at random instants while their environment is made (ARGS="50 --seed 7")
	@$(BIN)/python tests/env_kills.py $(or $(ARGS),200)

chaos: setup ## 500 queued tasks, and 10 minutes of kills of everybody (ARGS="60 20 --seed 7")
	@$(BIN)/python tests/queue_chaos.py $(or $(ARGS),500 600)

setup: ## what the tests need: system packages, .venv, Python packages
	@scripts/setup.sh dev

clean: ## remove .venv, caches and build outputs
	rm -rf $(VENV) build dist bench/results .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
