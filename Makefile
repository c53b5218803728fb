# make run: the page on localhost:8501.  make test: linters and tests.
# make test-all: the long tests as well, those that kill, repeat or send by the thousand.
# All set up what they need first; the second time there is nothing to do.
# TORCH=cpu takes torch's CPU build, a tenth of the size, from PyTorch's own index.

PYTHON ?= python3
TORCH ?= default
VENV := .venv
BIN := $(VENV)/bin
# A file of tests stays with one process, which then starts what they share once; slow
# files come first, so that both processes end together.
PROCESSES ?= 2
TESTS := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install

.PHONY: run test test-all lint audit browser postgres containers lock check-db clean

run: $(VENV)/runtime
	$(BIN)/streamlit run app.py

test: lint audit browser postgres containers
	$(TESTS) -m "not long"

test-all: lint audit browser postgres containers
	$(TESTS)

lint: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Known holes in the pinned packages; says so where nobody answers.
audit: $(VENV)/development
	$(BIN)/python -m tests.tools.audit

$(BIN)/python:
	@echo "Making an environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.txt requirements/cpu.txt | $(BIN)/python
	@echo "Installing what the page needs (torch is large: some minutes the first time)"
ifeq ($(TORCH),cpu)
	$(PIP) --no-deps --index-url https://download.pytorch.org/whl/cpu \
	  $$(sed -n 's/^\(torch[a-z]*==[^ ]*\).*/\1/p' requirements/base.in)
	$(PIP) --require-hashes -r requirements/cpu.txt
else
	$(PIP) --require-hashes -r requirements.txt
endif
	@touch $@

$(VENV)/development: requirements/dev.txt $(VENV)/runtime
	@echo "Installing what tests and linters need"
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# Writes the locked files anew from the short ones. Pins stay unless a short file asks
# for others; UPGRADE=--upgrade takes the newest of what is only brought along. In
# requirements/cpu.txt is all but torch and what only its CUDA build needs.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-config \
  --generate-hashes --no-emit-index-url --annotation-style line \
  --custom-compile-command "make lock" $(UPGRADE)
CUDA := cuda-bindings cuda-toolkit nvidia-cudnn-cu13 nvidia-cusparselt-cu13 \
  nvidia-nccl-cu13 nvidia-nvshmem-cu13 triton

lock: $(VENV)/development
	$(LOCK) requirements/base.in -o requirements.txt
	printf '%s\n' $(CUDA) | $(LOCK) requirements/base.in -c requirements.txt --excludes - \
	  --no-emit-package torch --no-emit-package torchvision -o requirements/cpu.txt
	for part in bulk login postgres dev bench; do \
	  $(LOCK) requirements/$$part.in -o requirements/$$part.txt || exit; done

# Debian's browser where this user may install it, else Playwright's own.
browser: $(VENV)/development
	@command -v chromium >/dev/null || test -f $(VENV)/browser || { \
	  echo "Installing Chromium for the browser tests"; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	  else $(BIN)/playwright install chromium; fi && touch $(VENV)/browser; }

# Tests on PostgreSQL are skipped where it is neither there nor can be installed.
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0; \
	  echo "Installing PostgreSQL for the database tests"; \
	  apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; }

# So are tests of deploy/ without a proxy to run and Compose's client to read its file.
containers:
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null \
	  && { command -v docker-compose || docker compose version; } >/dev/null 2>&1 \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0; \
	  echo "Installing nginx and Compose for the tests of deploy/"; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	    nginx docker-compose >/dev/null; }

# Every page and every picture's hash; changes nothing.
check-db: $(VENV)/runtime
	$(BIN)/python -m db check

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
