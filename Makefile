# Everything from a fresh clone: `make quickstart` answers the first question, `make test` checks the tool.
# Needs Python 3.11 or newer with venv, pip, and git. Nothing is installed outside .venv.

VENV := .venv
BIN := $(VENV)/bin
STUDY := results/quickstart
EXPERIMENT := experiments/quickstart.yaml
WORKERS ?= 2
# A package index for PyTorch alone, e.g. the CPU builds: see README.md, "Install".
TORCH_INDEX ?=
TORCH := torch==2.13.0
PYTHON ?=

# One stamp for each (extras, pyproject, constraints): a second run installs nothing.
SUM := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
BASE := $(VENV)/installed-base-$(SUM)
FULL := $(VENV)/installed-full-$(SUM)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help quickstart test slow lint types show peers clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

quickstart: | $(BASE)  ## set up, then run the main job (again: print the finished study)
	@if [ -e $(STUDY)/manifest.json ]; then $(BIN)/scoville resume $(STUDY); \
	else $(BIN)/scoville run $(EXPERIMENT); fi

test: | $(FULL)  ## set up, then every test but the slow ones
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS)

slow: | $(FULL)  ## the slow tests
	$(BIN)/python -m pytest -m slow

lint: | $(FULL)  ## format, lint, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

types: | $(FULL)  ## types only
	$(BIN)/mypy

show: | $(FULL)  ## one published figure: make show N=1.3 (without N: the list)
	@$(BIN)/python -m experiments.shows $(N)

peers: | $(BASE)  ## environments of other tools in .venv-peers, for `make show N=2.4`
	@TORCH_INDEX=$(TORCH_INDEX) $(BIN)/python experiments/peers/install.py

clean:  ## remove the environment, caches and builds (results stay)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough and can make environments; one line says what is missing.
$(BIN)/python:
	@old=; bare=; for python in $(or $(PYTHON),python3 python3.11 python3.12 python3.13 python); do \
	  command -v $$python >/dev/null 2>&1 || continue; \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { old="$$old $$python"; continue; }; \
	  $$python -c 'import venv, ensurepip' >/dev/null 2>&1 || { bare="$$bare $$python"; continue; }; \
	  echo "setting up $(VENV) with $$($$python --version)" >&2; exec $$python -m venv $(VENV); \
	done; \
	if [ -n "$$bare" ]; then echo "make:$$bare has no venv or pip; install them (Debian, Ubuntu: apt install python3-venv) or name another: make PYTHON=..." >&2; \
	elif [ -n "$$old" ]; then echo "make:$$old is too old; Scoville needs Python 3.11 or newer (name one: make PYTHON=...)" >&2; \
	else echo "make: no Python found ($(or $(PYTHON),python3)); Scoville needs Python 3.11 or newer (name one: make PYTHON=...)" >&2; fi; exit 1

# PyTorch comes first and from its own index if one is named; the rest then finds it installed.
$(BASE): | $(BIN)/python
	$(BIN)/python -m pip install -qq $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX),--constraint constraints.txt) "$(TORCH)"
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable .
	@rm -f $(VENV)/installed-*; touch $@

$(FULL): | $(BASE)
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable ".[ray,rl,dev]"
	@touch $@
