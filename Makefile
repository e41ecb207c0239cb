# Everything a person or CI calls. Needs Python 3.11 and make; the rest is installed into .venv from pinned, hashed files.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
SERVER ?= 127.0.0.1
PORT ?= 5300
ZONE ?= gslb.example.com
FUZZ_SECONDS ?= 60
# Their bounds need the whole machine.
ALONE := tests/e2e/lab tests/e2e/control tests/e2e/test_scale.py tests/e2e/test_large_zone.py tests/deploy/test_lab.py
EVERY_BRANCH := 'gslb/dns/*,gslb/table/*,gslb/responder.py,gslb/replies.py'
TEST_TOOLS := dig nsd knotd unbound zonemaster-cli ip postgres nginx etcd etcdctl nft faketime openssl systemd-analyze \
	bird keepalived exabgp fstrm_capture dnstap-ldns amtool promtool tmux zsh fish
LAB_TOOLS := curl dig ip nft setpriv ss zonemaster-cli psql postgres pgpool etcd etcdctl nginx php-fpm8.2 \
	/usr/share/zabbix/index.php zabbix_server zabbix_agentd named unbound
COMPILE := build/tools/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	--build-deps-for=editable --no-header --no-annotate --no-emit-options --no-emit-index-url --no-emit-trusted-host

.PHONY: help run test check format smoke conformance fuzz bench guard soak constraints lab lab-test lab-soak lab-down clean

help:
	@echo 'make run          two demo data centres and a node; Ctrl-C ends it'
	@echo 'make test         every test, with coverage'
	@echo 'make check        format, lint, types, architecture'
	@echo 'make smoke SERVER=127.0.0.1 PORT=5300 [ZONE=gslb.example.com]   dig against a running node'
	@echo 'make conformance  the wire tests against ours, gdnsd, nsd, knot and pdns; writes docs/conformance.md'
	@echo 'make fuzz         atheris on respond() and on TCP framing (Linux on x86-64); FUZZ_SECONDS=60'
	@echo 'make bench        cost and latency beside gdnsd, NSD, Knot and PowerDNS; BENCH="--only a,c --rounds 3", --help'
	@echo 'make guard        fails where a query has become dearer than bench/recorded.json says'
	@echo 'make soak         the long tests'
	@echo 'make lab          two data centres with Zabbix, a witness and users, in namespaces of this machine: deploy/lab/ (root, Debian)'
	@echo 'make lab-test     break them, and see whether users notice; LAB="site-cut drain" for some alone'
	@echo 'make lab-soak     the same five times at the default times, hours; goes on where it was; LAB="--rounds 2 site-cut"'
	@echo 'make lab-down     end and remove them'
	@echo 'make constraints  pin the newest packages again'
	@echo 'make clean        remove everything that make made'

run: .venv/.run
	@$(BIN)/gslb demo

test: .venv/.dev
	@tools/system-tools $(TEST_TOOLS) $(LAB_TOOLS)
	tools/run-tests 8 -n 3 --dist loadfile --no-loadscope-reorder $(ALONE:%=--ignore=%) --durations=15 --cov --cov-report=
	tools/run-tests 3 $(ALONE) --durations=15 --cov --cov-append --cov-report=
	$(BIN)/coverage report --skip-covered --fail-under=90
	$(BIN)/coverage report --include=$(EVERY_BRANCH) --skip-covered --fail-under=100

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

smoke:
	@tools/system-tools dig
	@$(PYTHON) tests/smoke/smoke.py --server $(SERVER) --port $(PORT) --zone $(ZONE) $(SMOKE)

conformance: .venv/.dev
	$(BIN)/python tools/conformance.py

fuzz: .venv/.dev
	$(BIN)/python -m tests.fuzz.corpus build/corpus
	for target in respond frames; do $(BIN)/python -m tests.fuzz.targets $$target build/corpus/$$target \
		-max_total_time=$$(($(FUZZ_SECONDS) / 2)) -artifact_prefix=build/$$target- || exit 1; done

bench: .venv/.dev
	@tools/system-tools nsd knotd gdnsd pdns_server dnsperf taskset gcc nginx
	$(BIN)/python bench/bench.py $(BENCH)

guard: .venv/.dev
	@tools/system-tools nsd dnsperf taskset gcc
	$(BIN)/python bench/guard.py

soak: .venv/.dev
	@tools/system-tools dig nsd knotd ip nginx etcd nft faketime
	$(BIN)/python -m pytest -s -m soak --timeout 3600
	GSLB_DIFFERENTIAL=50000 $(BIN)/python -m pytest -s --timeout 3600 tests/differential

lab: .venv/.dev
	@tools/system-tools $(LAB_TOOLS)
	@$(BIN)/python -m deploy.lab up

lab-test: .venv/.dev
	@tools/system-tools $(LAB_TOOLS)
	@$(BIN)/python -m deploy.lab test $(LAB)

lab-soak: .venv/.dev
	@tools/system-tools $(LAB_TOOLS)
	@$(BIN)/python -m deploy.lab soak $(LAB)

lab-down: .venv/.dev
	@$(BIN)/python -m deploy.lab down

constraints: build/tools
	$(COMPILE) --extra postgres -o constraints.txt pyproject.toml
	$(COMPILE) --extra dev -c constraints.txt -o constraints-dev.txt pyproject.toml
	@! grep -nE '://|index-url|find-links|trusted-host' constraints.txt constraints-dev.txt

clean:
	rm -rf .venv build dist .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage .coverage.* *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gslb needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: constraints-dev.txt .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	@touch $@

build/tools:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
