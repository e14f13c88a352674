# Everything here starts from a bare python3 with venv and pip: `make demo` and `make test` set up the rest.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

.PHONY: demo tour test lint bench release clean
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

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis demo.mp4 tour.mp4
