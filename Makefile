# Thin on purpose: everything real is Python. FILE=… audits another capture, PYTHON=… picks the interpreter.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
FILE   ?= samples/sensorist-blinking-red.pcapng

# A changed source of a compiled module must be built again, or the old machine code would win at import.
BUILT_FROM := setup.cfg pyproject.toml setup.py $(wildcard pcapaudit/scan/*.py pcapaudit/scan/*.pxd pcapaudit/capture/walk.py) \
	$(wildcard pcapaudit/flows/*.pxd pcapaudit/flows/digest.py pcapaudit/flows/logged.py)

.DEFAULT_GOAL := help
.PHONY: help audit test lab bench gate lint format types imports mirror sizes signatures clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

audit: $(VENV)/.ready-to-run ## audit FILE; a device that is offline is a result, not a failure
	@$(BIN)/pcapaudit audit "$(FILE)" || [ $$? -eq 1 ]

test: $(VENV)/.ready-to-test ## run the tests this machine can run
	$(BIN)/python -m pytest $(ARGS)

LAB ?= build/lab
lab: $(VENV)/.ready-to-test ## make captures with real network stacks (root), derive worse ones, score the audit; ARGS=names
	$(BIN)/python tests/lab/run.py --out $(LAB) $(ARGS); made=$$?; \
	PYTHONPATH=. $(BIN)/python tests/lab/score.py $(LAB) $(if $(ARGS),,--page docs/accuracy.md) && exit $$made

bench: $(VENV)/.ready-to-test ## measure pcapaudit beside every tool of its kind that is here; ARGS="--only site" for a part
	$(BIN)/python -m compileall -q pcapaudit # as an installation does, whatever the environment says
	$(BIN)/python -m bench.run $(ARGS)

gate: lint format types imports mirror sizes signatures ## everything a change must pass besides the tests

lint: $(VENV)/.ready-to-test
	$(BIN)/ruff check .

format: $(VENV)/.ready-to-test
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-to-test
	$(BIN)/mypy

imports: $(VENV)/.ready-to-test
	$(BIN)/lint-imports

mirror sizes: $(VENV)/.ready-to-test
	$(BIN)/python tests/gate/$@.py

signatures: $(VENV)/.ready-to-test
	@if $(BIN)/pcapaudit signatures lint --help >/dev/null 2>&1; then $(BIN)/pcapaudit signatures lint; fi

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find pcapaudit -name '*.so' -delete

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-to-run: $(BUILT_FROM) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.ready-to-test: $(BUILT_FROM) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.ready-to-run
