# The Walloon integrator. `make run` and `make test` need make, python3 (3.11) and the network.

PORT ?= 8080
VAR ?= var
SITE ?= .
PYTEST_ARGS ?=
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test check style bench faults docs environment clean

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: ## Start the bus with its sandbox on 127.0.0.1:8080 and send a few exchanges (PORT=..., VAR=...)
	@python3 tools/environment.py run
	@exec $(PY) -m integrator.cli run --sandbox --demo --log-level warning --port $(PORT) --var $(VAR) --site $(SITE)

test: ## Run every test this machine has the means for
	@python3 tools/environment.py dev
	@exec $(PY) -m pytest -n 2 --dist loadgroup -rs $(PYTEST_ARGS)

check: ## Find every mistake in the site (SITE=...)
	@python3 tools/environment.py run
	@exec $(PY) -m integrator.cli check --site $(SITE)

style: ## Style, types, sizes and imports
	@python3 tools/environment.py dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@$(PY) -m pytest tests/test_architecture.py

bench: ## Measure flow A beside a control without the bus (needs wrk)
	@python3 tools/environment.py dev
	@exec $(PY) -m benchmarks.flow_a

faults: ## Kill the bus at random and at named points, many rounds
	@python3 tools/environment.py dev
	@exec env FAULT_ROUNDS=200 $(PY) -m pytest tests/faults -rs $(PYTEST_ARGS)

docs: ## Make the generated reference pages and editor schemas again
	@python3 tools/environment.py dev
	@exec $(PY) -m integrator.cli site schemas

environment: ## Make .venv for development
	@python3 tools/environment.py dev

clean: ## Remove the environment and what runs left behind
	rm -rf .venv .cache var .mypy_cache .ruff_cache .pytest_cache
