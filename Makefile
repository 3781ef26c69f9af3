# `make` alone lists what there is. PYTHON= chooses the interpreter that .venv is made from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
# Another interpreter than last time makes a new environment.
MADE := $(VENV)/.made-by-python-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

.PHONY: help demo test test-quick test-door test-editors vsix check format bench eval clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.redraft-base ## set up, then complete real code with the embedded model
	@$(BIN)/python -m benchmarks.demo

test: $(VENV)/.redraft-dev ## set up, then pass every test
	@$(BIN)/python -m pytest

test-quick: $(VENV)/.redraft-dev ## the tests that take few seconds each
	@$(BIN)/python -m pytest -m "not slow"

test-door: $(VENV)/.redraft-dev ## the HTTP door with clients from npm too (needs node)
	npm ci --no-audit --no-fund --ignore-scripts --prefix tests/lsp_server/door/npm
	@$(BIN)/python -m pytest tests/lsp_server/door

test-editors: $(VENV)/.redraft-dev ## try it in the real editors: installs them into build/
	@tests/editors/run
	@tests/vscode/run

vsix: dist/redraft.vsix ## package the extension for VS Code

check: $(VENV)/.redraft-dev ## linter, formatting, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.redraft-dev ## put imports and layout in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.redraft-dev ## latency, memory, keystroke cost: a table, a plot, one JSON line
	@$(BIN)/python -m benchmarks

eval: $(VENV)/.redraft-dev ## measure the embedded model, hours: its card, evaluation.json, frontier.svg (LIMIT=20: a quick look)
	@$(BIN)/python -m training.evaluate all $(if $(LIMIT),--limit $(LIMIT),--update)

clean: ## remove .venv and caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/out

VSCODE := editor-configs/vscode
dist/redraft.vsix: LICENSE $(filter-out %/LICENSE,$(wildcard $(VSCODE)/*.* $(VSCODE)/.vscodeignore $(VSCODE)/src/*.ts))
	@command -v npm >/dev/null || { echo "The extension is built with npm: install Node.js 22 or newer." >&2; exit 1; }
	@mkdir -p dist && cp LICENSE $(VSCODE)/
	@cd $(VSCODE) && npm ci --silent --ignore-scripts --no-audit --no-fund && npm run --silent package

# Stamps: installing happens again only when pyproject.toml changed. The development set-up includes the base one.
$(VENV)/.redraft-base: pyproject.toml $(MADE)
	@echo "Installing redraft into $(VENV) (without torch; about a minute the first time) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.redraft-dev: pyproject.toml $(MADE)
	@echo "Installing redraft and its development extras into $(VENV) (a few minutes the first time) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.redraft-base

$(MADE):
	@$(PYTHON) -c '' 2>/dev/null || { \
	  echo "There is no $(PYTHON) that starts: install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv), or name one with PYTHON=." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "redraft needs Python 3.11 or newer and $(PYTHON) is $$($(PYTHON) -V 2>&1): name a newer one, for example make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
