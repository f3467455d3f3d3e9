# Needs only make and Python 3.11 or newer: everything else is installed into .venv.

SHELL := /bin/sh
# The first Python here that is new enough; else the plain one, which then says what is missing.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && exit; \
	done; echo python3)
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed
# Many tests wait for real time to pass: two at once, a file's tests one behind the other, take half as long. Those with
# real servers run alone, after them: a disk that others keep busy has stopped a server for 17 seconds.
SIDE_BY_SIDE := -n 2 --dist loadfile --ignore=tests/real
ALONE := tests/real
AS_ROOT := $(shell [ "$$(id -u)" -eq 0 ] || ! command -v sudo >/dev/null || echo sudo)

.DEFAULT_GOAL := setup
.PHONY: help setup install run dev demo clean create-watch-dir test-stream status check-ffmpeg
.PHONY: install-service uninstall-service service-status service-logs service-logs-live
.PHONY: test test-service check lock bench soak

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

setup: install ## Install everything, make .env from the example, say what comes next
	@test -f .env || { cp .env.example .env && chmod 600 .env && echo "Made .env: set WATCH_DIR and RTMP_URL in it."; }
	@echo "Ready. Next: make demo (see it work), make run (the service), make help (the rest)."

install: $(RUNTIME) ## Install what the program needs into .venv

run: $(RUNTIME) ## Run the service until Ctrl-C
	@$(BIN)/ftp-stream run

dev: $(RUNTIME) ## Run the service with debug logging
	@LOG_LEVEL=debug $(BIN)/ftp-stream run

demo: $(RUNTIME) ## See it work with a made camera and the built-in receiver
	@$(BIN)/ftp-stream demo

clean: ## Remove caches and build products; settings, footage and .venv stay
	rm -rf build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache bench/results
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

create-watch-dir: $(RUNTIME) ## Make the directories that the settings name
	@$(BIN)/ftp-stream check --offline --create

test-stream: $(RUNTIME) ## Publish a test picture to RTMP_URL, step by step
	@$(BIN)/ftp-stream test-stream

status: $(RUNTIME) ## Show what the running service does
	@$(BIN)/ftp-stream status

install-service: ## Install it as a service of systemd, or upgrade it; ARGS="--dry-run" shows what it would do
	@$(AS_ROOT) ./install-service.sh $(ARGS)

uninstall-service: ## Remove the service; data and settings stay
	@$(AS_ROOT) ./install-service.sh --uninstall $(ARGS)

service-status: ## Show what systemd and the installed service say of it
	@systemctl status ftp-stream --no-pager --full --lines=0 || true
	@if [ -r /etc/ftp-stream/ftp-stream.env ]; then ftp-stream status; else $(AS_ROOT) ftp-stream status; fi || true

service-logs: ## Show the last 50 lines that the service has logged
	@$(AS_ROOT) journalctl -u ftp-stream -n 50 --no-pager

service-logs-live: ## Show what the service logs, until Ctrl-C
	@$(AS_ROOT) journalctl -u ftp-stream -f

check-ffmpeg: $(RUNTIME) ## Report the FFmpeg libraries in use, and the system's ffmpeg
	@$(BIN)/python scripts/check_ffmpeg.py

test: $(DEVELOPMENT) ## Run all tests; what needs a missing server is skipped and named
	@$(BIN)/pytest $(SIDE_BY_SIDE)
	@$(BIN)/pytest $(ALONE)

test-service: $(DEVELOPMENT) ## Install and run it in a Debian that boots (root, debootstrap, systemd-container)
	@FTP_STREAM_BOOT=1 $(BIN)/pytest -x -v -s tests/booted

check: $(DEVELOPMENT) ## Lint, types, import contracts, all tests with coverage
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE)
	$(BIN)/coverage run -m pytest $(ALONE)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lock: $(DEVELOPMENT) ## Resolve all versions afresh and write the exact ones into pyproject.toml
	@$(PYTHON) scripts/lock.py

bench: $(DEVELOPMENT) ## Measure against one ffmpeg per file (needs the system's ffmpeg)
	@$(BIN)/python -m bench

soak: $(DEVELOPMENT) ## Play 20,000 seams by a faster clock, about 7 minutes; is memory flat? ARGS="--seams 2000"
	@$(BIN)/python -m bench.soak $(ARGS)

$(RUNTIME): pyproject.toml scripts/bootstrap.py
	@$(PYTHON) scripts/bootstrap.py
	@touch $@

$(DEVELOPMENT): pyproject.toml scripts/bootstrap.py
	@$(PYTHON) scripts/bootstrap.py --dev
	@touch $@ $(RUNTIME)
