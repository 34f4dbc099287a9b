# make demo: watch a network learn a game.  make test: every check.  Both set up .venv on their first call.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.tengen-installed
FIND_PYTHON := for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done
AT_ONCE ?= 2
PYTHON ?= $(shell $(FIND_PYTHON))

.PHONY: demo test lint install clean

demo: $(STAMP)
	$(BIN)/tengen train configs/demo.yaml

test: lint
	$(BIN)/python -m pytest -n $(AT_ONCE) --dist worksteal -m "not cluster"
	$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile -m cluster

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "tengen needs Python 3.11 or later, and none is on the PATH; install one, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "tengen needs Python 3.11 or later, which $(PYTHON) is not; say make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { echo "cannot make $(VENV); on Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
