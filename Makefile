# Everything here starts from a bare python3 with venv and pip: `make demo` and `make test` set up the rest.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

.PHONY: demo tour test lint bench bench-quick bench-full bench-nvidia bench-gate bench-gate-write release clean
.DELETE_ON_ERROR:

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.run
	$(BIN)/reelpress export examples/demo.cap -o demo.mp4 --overwrite

# A project that uses everything that is drawn; its contact sheet is made by tools/contact_sheet.py.
tour: $(VENV)/.run
	$(BIN)/reelpress export examples/tour.cap -o tour.mp4 --overwrite

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

# Long runs, the whole matrix and, where it is there, the shared media.
release: $(VENV)/.dev
	$(BIN)/python -m pytest -m release $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The matrix at a twentieth of its lengths (10 minutes: 12 s; 4K: 1.5 s), three runs after a warm-up, with peers: about
# 25 minutes on 2 cores. Every table made from it says so. MOVIEPY is the Python of an environment that has MoviePy, which
# wants an older Pillow (python3 -m venv X && X/bin/pip install moviepy).
BENCH := --out benchmarks/results/bench.json --html benchmarks/results/bench.html --peers --aa --self-cost
bench: $(VENV)/.dev
	$(BIN)/reelpress bench --scale 0.05 --runs 3 $(BENCH) $(if $(MOVIEPY),--peer "moviepy=moviepy:$(MOVIEPY)") $(ARGS)

# A few seconds of each, without peers: under 3 minutes on 2 cores. Only shown.
bench-quick: $(VENV)/.dev
	$(BIN)/reelpress bench --quick $(ARGS)

# The matrix at full length, five runs of each: most of a day on 2 cores.
bench-full: $(VENV)/.dev
	$(BIN)/reelpress bench $(BENCH) $(if $(MOVIEPY),--peer "moviepy=moviepy:$(MOVIEPY)") $(ARGS)

# On a machine with an NVIDIA GPU, perhaps without a network: installs nothing, takes the Python that is there and says
# what it lacks. docs/performance.md and docs/gpu.md have the places for both results.
bench-nvidia:
	$(or $(wildcard $(BIN)/python),$(PYTHON)) tools/bench_nvidia.py $(ARGS)

# Ratios against the committed ones; fails on a loss. BENCH_GATE says what is measured: a minute on 2 cores.
BENCH_GATE := --quick --scenario 1080p-1min --scenario still-pointer --path baseline --path planar --path splice \
	--encoder x264 --runs 3
bench-gate: $(VENV)/.dev
	$(BIN)/reelpress bench $(BENCH_GATE) --gate benchmarks/results/gate.json $(ARGS)

bench-gate-write: $(VENV)/.dev
	$(BIN)/reelpress bench $(BENCH_GATE) --write-gate benchmarks/results/gate.json $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis demo.mp4 tour.mp4
