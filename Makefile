# Two commands: `make lab` to learn, `make test` to check. Both prepare .venv when it is missing
# or older than pyproject.toml, so the second run starts at once.

VENV := .venv
BIN  := $(VENV)/bin
# The first of these that is Python 3.11 or later; `make lab PYTHON=/path/to/python` overrides.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# Processes that share the tests: browsers, Helm and containers are mostly waited for.
WORKERS   ?= 3
LAB_ARGS  ?=
TEST_ARGS ?=

.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo 'make lab                     open the course in JupyterLab'
	@echo 'make lab LAB_ARGS="..."      the same, with arguments for JupyterLab'
	@echo 'make test                    lint, type-check and run all tests'
	@echo 'make test TEST_ARGS="..."    the same, with arguments for pytest'
	@echo 'make test-long               browser, notebooks, kubectl and 50,000 spoilt manifests: an hour'
	@echo 'make notebooks               build the notebooks of both languages from notebooks/source'
	@echo 'make handouts                make the chapters as PDF, for students and for teachers'
	@echo 'make lint                    only the checks that read the code'
	@echo 'make format                  put the code in the form that lint asks for'
	@echo 'make clean                   remove .venv and everything that tests left'

.PHONY: lab
lab: $(VENV)/.lab
	@$(BIN)/kubecourse lab $(LAB_ARGS)

.PHONY: test
test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder $(TEST_ARGS)

.PHONY: test-long
test-long: $(VENV)/.test
	KUBECOURSE_LONG=1 KUBECOURSE_MUTATIONS=50000 $(BIN)/python -m pytest -n $(WORKERS) \
		--no-loadscope-reorder tests/browser notebooks tests/clients \
		tests/control_plane/apiserver/test_mutations.py \
		tests/lessons/exercises/test_checks_in_any_state.py $(TEST_ARGS)

.PHONY: notebooks
notebooks: $(VENV)/.test
	@$(BIN)/kubecourse build

.PHONY: handouts
handouts: $(VENV)/.test
	@$(BIN)/kubecourse handouts

.PHONY: lint
lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache # its cache misses modules that appear later

.PHONY: format
format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean:
	rm -rf $(VENV) build dist htmlcov test-artifacts .coverage .coverage.* \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache

# Stamps: a virtual environment with the extra of that name installed, and Helm.
$(VENV)/.lab: EXTRAS := lab,helm
$(VENV)/.test: EXTRAS := test
$(VENV)/.lab $(VENV)/.test: $(VENV)/.%: pyproject.toml
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo 'kubecourse needs Python 3.11 or later; $(if $(PYTHON),$(PYTHON) is not that,none was found).' >&2; \
		echo 'Install one (https://www.python.org/downloads/), or name it: make $* PYTHON=/path/to/python' >&2; \
		exit 1; fi
	@if ! $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Making a virtual environment in $(VENV) with $(PYTHON)"; \
		$(PYTHON) -m venv --clear $(VENV); fi
	@echo 'Installing kubecourse[$(EXTRAS)]: about a minute, the first time'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $(VENV)/.lab $@ # every extra holds what the lab needs
