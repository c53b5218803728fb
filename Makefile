# make run: the page on localhost:8501.  make test: linters and every test.
# Both set up what they need first; the second time there is nothing to do.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint browser postgres check-db clean

run: $(VENV)/runtime
	$(BIN)/streamlit run app.py

test: lint browser postgres
	$(BIN)/python -m pytest

lint: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	@echo "Making an environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.txt | $(BIN)/python
	@echo "Installing what the page needs (torch is large: some minutes the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/development: requirements-dev.txt requirements-postgres.txt $(VENV)/runtime
	@echo "Installing what tests and linters need"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

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

# Every page and every picture's hash; changes nothing.
check-db: $(VENV)/runtime
	$(BIN)/python -m db.check

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
