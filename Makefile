# Assay's tasks; `make` alone lists them. A machine needs nothing but make and Python 3.11 to 3.14.

VENV    ?= .venv
APP     ?= examples/diamonds
TIER    ?= pr
WORKERS ?= 2

BIN   := $(VENV)/bin
PLACE := $(VENV)/.place
RUN   := $(VENV)/.run-ready
DEV   := $(VENV)/.dev-ready
PIP   := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet --quiet
# every extra but those whose builds differ by accelerator and weigh gigabytes
LOCKED_EXTRAS := xgboost objectstore postgresql audio remote
LOCK   = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
         --python-version 3.11 $(LOCKED_EXTRAS:%=--extra %) --group build $(if $(UPGRADE),--upgrade)

# An environment whose Python is gone, or that was copied here from another place, is made anew.
STALE := $(shell $(BIN)/python -c '' 2>/dev/null && [ "$$(cat $(PLACE) 2>/dev/null)" = "$$(cd $(VENV) && pwd -P)" ] || echo stale)
COUNT  = $$(grep -c '^[a-z].*==' $(1))
# In application folders `model.py` is the top-level module `model`, so each is checked by itself.
APPS   = $(patsubst %/,%,$(dir $(wildcard examples/*/model.py bench/apps/*/model.py)))
TYPED  = src $(wildcard conftest.py tests scripts/*.py examples/*/test_*.py) $(if $(wildcard bench/*.py),bench)

.DEFAULT_GOAL := help
.PHONY: help setup demo train serve bench test check style types imports locks fix lock clean FORCE

help: ## list the tasks
	@echo "Usage: make TASK [DATA=stones.csv] [TIER=nightly] [APP=examples/diamonds] [ARGS=...] [PYTHON=python3.12]"; echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-6s  %s\n", $$1, $$2 }' Makefile

setup: $(RUN) ## install the locked packages and Assay itself into .venv (every other task does it first)
	@echo "Ready: $(BIN)/assay, $$($(BIN)/python --version)."

demo: $(RUN) ## train the diamonds application, serve it and ask a price (DEMO_ONCE=1 stops after the answer)
	@DEMO_ONCE="$(DEMO_ONCE)" DATA="$(DATA)" $(BIN)/python scripts/demo.py $(ARGS)

train: $(RUN) ## train every recipe of APP (DATA=a file, folder or glob; generated stones without)
	@$(BIN)/assay train $(APP) $(if $(DATA),--data "$(DATA)") $(ARGS)

serve: $(RUN) ## serve APP on 127.0.0.1:8000
	@$(BIN)/assay serve $(APP) $(ARGS)

bench: $(RUN) ## measure Assay side by side with other servers
	@$(BIN)/python -m bench $(ARGS)

test: $(DEV) ## run the tests (TIER=nightly runs the larger counts; ARGS="-k words" a selection; WORKERS=0 one process)
	@ASSAY_TEST_TIER=$(TIER) $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

check: style types imports locks ## check style, types, the direction of imports, and the lock files

style: $(DEV)
	@echo "style:"; $(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check . || { echo "make fix formats."; exit 1; }

types: $(DEV)
	@echo "types:"; $(BIN)/mypy $(TYPED) --exclude '^bench/apps/'
	@set -e; for app in $(APPS); do MYPYPATH=$$app $(BIN)/mypy $$(ls $$app/*.py | grep -v /test_); done

imports: $(DEV)
	@echo "imports:"; $(BIN)/lint-imports --no-logo

locks: $(DEV)
	@echo "locks:"; $(BIN)/python -m pytest --quiet -p no:xdist tests/architecture/test_locks.py

fix: $(DEV) ## format, and mend what can be mended by machine
	@$(BIN)/ruff check --fix . || true
	@$(BIN)/ruff format .

lock: $(PLACE) ## write requirements/*.txt anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@test -x $(BIN)/uv || $(PIP) install uv
	@$(LOCK) --group dev pyproject.toml --output-file requirements/dev.txt
	@$(LOCK) pyproject.toml --constraints requirements/dev.txt --output-file requirements/run.txt
	@echo "Locked $(call COUNT,requirements/run.txt) packages to run and $(call COUNT,requirements/dev.txt) to develop."

clean: ## remove .venv and what tools left behind; never a record or an artifact
	rm -rf $(VENV) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the environment: made once, and again when the locks or pyproject.toml change

$(PLACE): $(if $(STALE),FORCE)
	@suits='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))'; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	  if "$$python" -c "$$suits" 2>/dev/null; then \
	    echo "Making $(VENV) with $$("$$python" --version) ..."; \
	    "$$python" -m venv --clear $(VENV) && (cd $(VENV) && pwd -P) > $@; exit; \
	  fi; \
	done; \
	echo "Assay needs Python 3.11, 3.12, 3.13 or 3.14 with its venv module, and found none." >&2; \
	echo "Install one (on Debian and Ubuntu: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python" >&2; \
	exit 1

$(RUN): $(PLACE) requirements/run.txt pyproject.toml
	@echo "Installing $(call COUNT,requirements/run.txt) locked packages; the first time takes a minute or a few ..."
	@$(PIP) install --require-hashes --requirement requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Installing $(call COUNT,requirements/dev.txt) locked packages to test and check with ..."
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@

FORCE:
