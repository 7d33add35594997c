# Everything runs inside .venv, which is rebuilt when requirements.txt or pyproject.toml changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# Two at a time: much of a test is waiting. Those of a file stay together, because they share what is slow to set up.
PYTEST ?= $(BIN)/python -m pytest -q -n 2 --dist=loadfile --no-loadscope-reorder

# The tests and the tools must not see somebody else's packages or settings.
unexport PYTHONPATH
unexport PYTHONHOME
# Tests start many processes: what one of them has compiled, the others need not.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run test check evals bench studio chat call reset demo demo-campaign doctor format chromium

help: ## list what make can do
	@echo "Master IA"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv and install the locked dependencies

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Master IA needs Python 3.11 or newer as '$(PYTHON)' (found: $$($(PYTHON) --version 2>&1))."; \
	  echo "Install it, or name another one: make PYTHON=/path/to/python3.11 run"; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  && $(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  echo "Creating $(VENV)"; \
	  if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv --clear $(VENV); \
	  else $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	    $(PYTHON) -m pip --disable-pip-version-check -qq --python $(BIN)/python install pip; fi || { \
	  echo "Python cannot make virtual environments here. On Debian: apt-get install python3-venv"; exit 1; }; }
	@echo "Installing the locked dependencies (a few minutes the first time)"
	@$(PIP) install -r requirements.txt
	@$(PIP) install --no-build-isolation -e .
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

run: $(STAMP) ## start the whole service with an embedded PostgreSQL and Redis
	@exec $(BIN)/master-ia run

test: $(STAMP) chromium ## run every test
	@$(PYTEST)

check: $(STAMP) chromium ## format, lint, types, import rules and every test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTEST)

evals: $(STAMP) ## run the reviewed talks against the prompts as they are
	@$(BIN)/python -m evals run --suite all

bench: $(STAMP) ## measure the speed bars against their baselines
	@$(BIN)/python -m bench

studio: $(STAMP) ## open the graphs in LangGraph Studio
	@exec $(BIN)/langgraph dev --no-reload

chat: $(STAMP) ## talk to the assistant as a customer, in this terminal
	@exec $(BIN)/master-ia chat

call: $(STAMP) ## the same on the phone: typed words are said, spoken ones appear at the pace of a voice
	@exec $(BIN)/master-ia call

reset: $(STAMP) ## throw away the embedded databases
	@exec $(BIN)/master-ia reset --yes

demo: $(STAMP) ## load the demo tenant again
	@exec $(BIN)/master-ia demo

demo-campaign: $(STAMP) ## play a campaign against 500 simulated debtors over 30 days
	@exec $(BIN)/master-ia demo-campaign

doctor: $(STAMP) ## check the environment, each dependency and each channel account
	@exec $(BIN)/master-ia doctor

format: $(STAMP) ## format the code and fix what ruff can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# The browser tests drive Debian's chromium; another one can be named in CHROMIUM_PATH.
chromium:
	@test -x "$${CHROMIUM_PATH:-/usr/bin/chromium}" || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing chromium for the browser tests"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  fi; }
	@test -x "$${CHROMIUM_PATH:-/usr/bin/chromium}" || { \
	  echo "The browser tests need chromium. Install it (Debian: sudo apt-get install chromium)"; \
	  echo "or say where one is: CHROMIUM_PATH=/path/to/chromium make test"; exit 1; }
