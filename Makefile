SHELL := bash
PY := .venv/bin/python
STAMP := .venv/.installed
CODE := $(wildcard src tests examples benchmarks docs/_hooks)

# Arguments for pytest, for instance: make test ARGS="-k fusion"
ARGS ?=

# The environment with the lowest allowed versions.
LOWEST := build/lowest

# The folder of the data sets that some benchmarks need.
DATA ?= $(MEDLEY_DATA)

# The installed pyright is pinned; it must not look for a newer version.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# mkdocs-material announces its successor at each start.
export NO_MKDOCS_2_WARNING := 1

.PHONY: help setup demo docs gallery screenshots test test-lowest check format bench bench-gpu dist constraints clean

help:
	@echo "make setup        create .venv with everything that tests and linters need"
	@echo "make demo         train on handwritten digits, save, reload, predict (about a minute)"
	@echo "make docs         build the documentation site in build/site (offline; warnings are errors)"
	@echo "make gallery      train the models of the gallery and draw its images (some minutes)"
	@echo "make screenshots  train a model, write its report, take the screenshots of the documentation (two minutes)"
	@echo "make test         run the tests, including code blocks of README and docs, and doctests (four minutes)"
	@echo "make test SLOW=1  the same with the slow tests of the whole system (ten minutes)"
	@echo "make test-lowest  all tests with the lowest versions that pyproject.toml allows (downloads them)"
	@echo "make check        linter, format, types, package layers, file lengths"
	@echo "make format       format the code and apply automatic fixes"
	@echo "make bench        run all benchmarks"
	@echo "make dist         build the source distribution and the wheel in dist, and check them with twine"
	@echo "make constraints  write constraints.txt from the versions in .venv"

setup: $(STAMP)

# Installs again only when one of these files has changed since the last time.
$(STAMP): pyproject.toml constraints.txt .ci/setup
	.ci/setup
	@touch $@

demo: setup
	$(PY) examples/demo.py

docs: setup
	$(PY) -m mkdocs build --strict --quiet
	@echo "build/site/index.html; for the search box: $(PY) -m http.server --directory build/site"

gallery: setup
	$(PY) examples/gallery.py

screenshots: setup
	$(PY) examples/report_page.py

# Two workers with one thread each: torch threads that compete for cores are many times slower than one.
PYTEST := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(PY) -m pytest -n 2

test: setup
ifndef SLOW
	@echo "Left out: the slow tests of the whole system (killed processes, a cluster, a compiler, exports); make test SLOW=1 runs them."
endif
	$(PYTEST) $(if $(SLOW),,-m "not slow") $(ARGS)

# All tests with the lowest versions that pyproject.toml allows, before a release: bounds that are not tested are wrong.
test-lowest: setup
	$(PY) -m uv venv --quiet --clear --python $(PY) $(LOWEST)
	$(PY) -m uv pip install --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[test]'
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 $(ARGS)

check: setup
	$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m pyright
	.venv/bin/lint-imports
	@find src -name '*.py' -exec wc -l {} + | \
	    awk '$$2 != "total" && $$1 > 400 { print $$2 ": " $$1 " lines, 400 are allowed"; bad = 1 } END { exit bad }'

format: setup
	$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

bench: setup
	set -e; for name in checkpoints engine frozen export memory serve; do $(PY) benchmarks/$$name.py; done
	@if [ -z "$(DATA)" ]; then echo "The other benchmarks need the folder that contains mnist/, houses/, ...: make bench DATA=FOLDER"; \
	else set -e; $(PY) benchmarks/missing.py --data "$(DATA)/mnist"; \
	    for name in houses tables minilm equal_time; do $(PY) benchmarks/$$name.py --data "$(DATA)"; done; fi

dist: setup
	rm -rf dist
	$(PY) -m build
	$(PY) -m twine check --strict dist/*

bench-gpu: setup
	$(PY) benchmarks/speed.py --parts abc --device cuda

# Names and versions only: a local label such as "+cpu" names a build that other machines do not have.
constraints: setup
	@$(PY) -m pip freeze --all --exclude-editable --exclude pip --exclude uv --exclude medley | \
	    sed -nE 's/^([A-Za-z0-9._-]+==[^+ ;]+).*$$/\1/p' | LC_ALL=C sort -f > constraints.txt
	@touch $(STAMP)

clean:
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
