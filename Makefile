# medtutor: every target sets the environment up first, and does so only once.
#
#   make book                    environment, chapters executed, site built
#   make test                    environment, all tests
#
# CHAPTERS="03 14"  which chapters (default: all)    PROFILE=quick|lesson|full   JOBS=2  chapters at a time
# GPU=1             CUDA build of torch              TORCH_INDEX=ADDRESS  wheel index of the CPU build

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.DELETE_ON_ERROR:

PROFILE ?= quick
CHAPTERS ?= all
JOBS ?= 1
GPU ?= 0
TORCH_INDEX ?=

# The first Python from 3.11 to 3.13 on PATH; override with PYTHON=...
RIGHT_PYTHON := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c '$(RIGHT_PYTHON)' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
READY := .venv/.ready-gpu$(GPU)
TESTED := .venv/.ready-tests-gpu$(GPU)
TRITON := triton==3.9.0
MEDTUTOR := $(BIN)/medtutor
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help lab book chapters test bench data clean distclean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		while IFS='|' read -r target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done
	sed -n '6,7s/^# /  /p' Makefile

$(READY): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then
		echo "make: wanted Python 3.11, 3.12 or 3.13 on PATH, found none; install one or say PYTHON=/path/to/python3.11" >&2
		exit 2
	fi
	echo "Setting up .venv with $(PYTHON) (once; some minutes) ..."
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	if [ "$(GPU)" = 1 ]; then
		$(BIN)/pip uninstall --quiet --yes torch 2>/dev/null || true
		PIP_FIND_LINKS= $(BIN)/pip install --quiet -c constraints.txt -e '.[dev,gpu]'
	else
		$(BIN)/pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt -e '.[dev]'
	fi
	rm -f .venv/.ready-*
	touch $@

# Triton's interpreter and compiler, for the tests of the GPU kernels; with GPU=1 torch brings its own.
$(TESTED): $(READY)
	@[ "$(GPU)" = 1 ] || [ "$$(uname -s)" != Linux ] || $(BIN)/pip install --quiet -c constraints.txt '$(TRITON)'
	touch $@

lab: $(READY)  ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/00_start_here/00_start_here.ipynb

chapters: $(READY)  ## execute the chapters with papermill into build/executed
	@$(MEDTUTOR) run $(CHAPTERS) --profile $(PROFILE) --jobs $(JOBS) --results build/results

book: chapters  ## execute the chapters, then build the site: build/site/index.html
	@$(MEDTUTOR) book

test: $(TESTED)  ## ruff, mypy, unit tests, quick profiles, the site, the browser
	@$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/python -m pytest

bench: $(READY)  ## the kernels beside the peers that are installed: benchmarks/results
	@$(MEDTUTOR) bench --peers

data: $(READY)  ## which data sets are here, and how to get the others
	@$(BIN)/python -m medtutor.datasets

clean:  ## remove what was built; .venv stays
	@rm -rf build .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	@rm -rf .venv *.egg-info
