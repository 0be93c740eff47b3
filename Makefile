# Two commands are enough: `make serve` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= training/configs/small.toml

.PHONY: help serve test lint train bench openapi clean

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable .
	touch $@

$(VENV)/all: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[train,test]'
	touch $@ $(VENV)/core

serve: $(VENV)/core ## start the server with the bundled model and print its address
	$(BIN)/lanmu serve

test: $(VENV)/all ## install what the tests need and pass them
	$(BIN)/python -m pytest

lint: $(VENV)/all ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

train: $(VENV)/all ## train a bundle: make train CONFIG=my.toml
	$(BIN)/lanmu train $(CONFIG)

bench: $(VENV)/all ## print the figures that the README quotes
	$(BIN)/python -m tests.benchmarks.throughput
	$(BIN)/python -m tests.benchmarks.latency

openapi: $(VENV)/core ## write docs/openapi.json anew
	$(BIN)/python -m serve.openapi

clean: ## remove the environment and caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
