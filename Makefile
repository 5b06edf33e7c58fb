# make demo   figures and report from the bundled simulated cohorts, in results/
# make test   lint, unit, truth, workflow and real-data tests
# Both build .venv from envs/requirements.lock first (python3 >= 3.11, no conda needed).
# Also: lint; report (report.zip of the demo's figures); bench (measurements that take long);
# lock (envs/requirements.lock from requirements.in; UPGRADE=--upgrade also renews the rest).

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
VENV := .venv
READY := $(VENV)/.ready
# Snakemake keeps a cache in the home, which may be read-only.
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" XDG_CACHE_HOME="$${XDG_CACHE_HOME:-$(CURDIR)/.cache}"

.PHONY: demo report test lint bench environment lock clean

demo: $(READY)
	$(RUN) snakemake --cores $(CORES)

report: $(READY)
	$(RUN) snakemake --report report.zip

# A file at a time for each processor; those that take longest go first.
test: lint
	$(RUN) OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 pytest -n logical --maxprocesses 4 \
	  --dist loadfile --no-loadscope-reorder tests/workflow tests/realdata tests/truth tests/unit

lint: $(READY)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow/Snakefile workflow/rules/*.smk
	$(RUN) snakemake --lint

bench: $(READY)
	mkdir -p results/benchmark
	$(RUN) python tests/benchmark/annotation.py --out results/benchmark/annotation.tsv
	$(RUN) python tests/benchmark/scale.py --cells 30000 --donors 15 --out results/benchmark/scale.tsv
	$(RUN) python tests/benchmark/calibration.py --out results/benchmark/calibration.tsv

environment: $(READY)

$(READY): envs/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "tilt needs python 3.11 to 3.13; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This python cannot make environments. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r envs/requirements.lock
	@touch $(READY)

lock:
	$(PYTHON) -m venv .lock
	.lock/bin/pip install --quiet --disable-pip-version-check uv
	.lock/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate envs/requirements.in -o envs/requirements.lock
	rm -r .lock

clean:
	rm -rf results logs benchmarks report.zip
