# Two commands do all on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check check-types check-others deb sbom audit format lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed ## install tvradar into .venv and fetch its models

setup-dev: $(VENV)/.installed-dev $(VENV)/.system-test

$(VENV)/.system-venv: tools/system_packages.sh
	@tools/system_packages.sh $(PYTHON) venv
	@mkdir -p $(VENV) && touch $@

# Beside pip with `make -j2`, as .ci/run has it: each waits for the network and one core.
$(VENV)/.system-test: tools/system_packages.sh | $(VENV)/.system-venv
	@tools/system_packages.sh $(PYTHON) test
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.system-venv
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/install_packages.py --constraint constraints.txt --editable .
	$(BIN)/tvradar engines fetch
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup ## watch actors being named in a browser; VIDEO=film.mp4 PEOPLE=folder for your own
	$(BIN)/tvradar demo $(if $(VIDEO),--video '$(VIDEO)') $(if $(PEOPLE),--people '$(PEOPLE)') $(DEMO_OPTIONS)

test: setup-dev ## run all tests; names those that passed only on their second try
	PYTHON=$(BIN)/python tools/test.sh $(TEST_OPTIONS)

check: check-types check-others ## formatter, linter, types, layers, layout, content of the wheel

check-types: $(VENV)/.installed-dev
	$(BIN)/mypy

check-others: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python tools/layout_figures.py
	$(BIN)/python tools/check_wheel.py

deb: setup ## a Debian package for devices without a network, in dist/
	tools/build_deb.sh

sbom: setup ## what is installed, as CycloneDX, in dist/sbom.json
	mkdir -p dist
	$(BIN)/python -m pip install --quiet 'cyclonedx-bom>=7,<8'
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file dist/sbom.json $(BIN)/python

audit: setup ## ask PyPI for known flaws of the pinned packages; fails where it cannot ask
	$(PYTHON) -m venv dist/audit
	dist/audit/bin/python -m pip install --quiet 'pip-audit>=2.9,<3'
	dist/audit/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off \
		--requirement constraints.txt

format: setup-dev ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup-dev ## write constraints.txt anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 \
		--no-emit-index-url --no-annotate --no-header --upgrade --output-file constraints.txt

clean: ## remove what `make` made here; models and demo stay in the cache
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
