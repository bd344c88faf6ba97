# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up by themselves.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.edgewise-installed
OUT ?= runs/demo
# Bytecode is kept, also where the environment says not to: half of what collection takes is compiling tests.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: setup demo check test lint types train-demo bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/edgewise discover --model demo --task ioi --top 100 --out $(OUT)
	@echo "The circuit and its scores are in $(OUT): circuit.json, scores.safetensors, run.json"
	@echo "To see them, open $(OUT)/report.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

check: setup lint types
	$(PYTEST) -m "not slow"

test: setup lint types
	$(PYTEST)

train-demo: setup
	$(BIN)/python scripts/train_demo.py

bench: setup
	$(BIN)/python benchmarks/eap.py

clean:
	rm -rf .venv runs .mypy_cache .pytest_cache .ruff_cache
