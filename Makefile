# `make demo` and `make test` set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
TYPES := .cache/types

.PHONY: setup demo test lint types validate bench clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@echo "compiling the kernels, once: minutes"
	$(BIN)/python -m sobolev.scripts.compile
	touch $@

demo: setup
	$(BIN)/sobolev demo

# A process a core, each with one thread: two threads that share a core wait for each other.
test: export OMP_NUM_THREADS = 1
test: lint types
	$(BIN)/pytest --quiet --numprocesses=logical --dist=loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The root is the package: the type checker finds it under its name through a link.
types: setup
	mkdir -p $(TYPES)
	ln -sfn ../.. $(TYPES)/sobolev
	cd $(TYPES) && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../mypy -p sobolev.geometry -p sobolev.solvers -p sobolev.datasets -p sobolev.operators -p sobolev.pinns -p sobolev.scripts

# Longer physics and training: minutes to an hour.
validate: setup
	$(BIN)/pytest -m slow --durations=0

bench: setup
	for file in scripts/bench/*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf .venv .cache build dist *.egg-info .ruff_cache .pytest_cache
