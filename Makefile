# Wharf's few words. `make` alone lists them.
#
# Everything is made inside the checkout (.venv, .cache, the target folder), in
# steps that an interruption leaves unfinished, never half-finished.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

TARGET := $(or $(CARGO_TARGET_DIR),target)
PYTHON ?= python3
VENV := .venv
# The folder's name holds what was asked for: another list makes another mark.
READY := $(VENV)/.ready-$(shell cat examples/requirements.txt examples/constraints.txt e2e/requirements.txt | cksum | cut -d' ' -f1)
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo cargo nextest || echo .cache/tools/bin/cargo-nextest nextest)
SAY := @printf '\n==> %s\n'

.PHONY: help demo build run check test test-rust test-e2e crash crash-full crowd disk hostile fuzz needs nextest wharf-debug

help: ## List these words
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/make \1@\2/' | column -t -s@

demo: needs build $(READY) ## Build, start a throw-away Wharf, run examples/how-to.py with the real SDK
	$(SAY) "Running the how-to"
	@examples/demo "$(TARGET)/release/wharf" "$(VENV)"

build: needs ## Build the release binary: target/release/wharf, or under $CARGO_TARGET_DIR
	$(SAY) "Building the release binary"
	@cargo build --locked --release --bin wharf

run: build $(READY) ## Build and run a server: https://localhost:8443, state in ~/.wharf
	$(SAY) "Starting the server; Ctrl-C stops it"
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" "$(TARGET)/release/wharf" server

check: needs ## Format, lints, layout, licences
	$(SAY) "Format"
	@cargo fmt --all --check
	$(SAY) "Lints"
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	$(SAY) "Layout"
	@cargo run --locked --quiet --package xtask -- tidy
	$(SAY) "Licences, sources, bans"
	@cargo run --locked --quiet --package xtask -- dependencies

test: check test-rust test-e2e ## Everything that CI runs
	$(SAY) "All passed"

test-rust: needs nextest $(READY) ## Only the Rust tests
	$(SAY) "Rust tests"
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(NEXTEST) run --locked --workspace

test-e2e: wharf-debug $(READY) ## Only the tests with the real SDK: flows, commands of the docs, a short kill -9 test
	$(SAY) "Tests with the real SDK"
	@WHARF_BINARY="$(TARGET)/debug/wharf" $(VENV)/bin/python -m pytest e2e

crash: wharf-debug $(READY) ## The full kill -9 test: 30 random moments
	$(SAY) "kill -9 at 30 random moments"
	@WHARF_BINARY="$(TARGET)/debug/wharf" WHARF_CRASHES=30 $(VENV)/bin/python -m pytest e2e/crash/test_kill.py -s

crash-full: wharf-debug $(READY) ## kill -9 at every fault point, and at WHARF_KILLS (50) random moments of eight clients
	$(SAY) "kill -9 at every fault point, once and twice running"
	@WHARF_BINARY="$(TARGET)/debug/wharf" WHARF_FAULT_POINTS=all $(VENV)/bin/python -m pytest e2e/crash/test_fault_points.py -s
	$(SAY) "kill -9 at random moments of eight clients"
	@WHARF_BINARY="$(TARGET)/debug/wharf" WHARF_KILLS=$${WHARF_KILLS:-50} $(VENV)/bin/python -m pytest e2e/crash/test_history.py -s

crowd: wharf-debug $(READY) ## Ten clients at random on the same names, for WHARF_CROWD (300) seconds
	$(SAY) "Ten clients for $${WHARF_CROWD:-300} s"
	@WHARF_BINARY="$(TARGET)/debug/wharf" WHARF_CROWD=$${WHARF_CROWD:-300} $(VENV)/bin/python -m pytest e2e/crash/test_crowd.py -s

disk: wharf-debug $(READY) ## Full disks, disks that return errors, read-only ones, too few descriptors, flipped bits
	$(SAY) "Disks that are full or return errors"
	@WHARF_BINARY="$(TARGET)/debug/wharf" WHARF_DISK_PUTS=1000 WHARF_DISK_ERRORS=200 $(VENV)/bin/python -m pytest -s $(addprefix e2e/crash/test_,disk_full.py disk_errors.py read_only.py descriptors.py)
	$(SAY) "A thousand flipped bits"
	@WHARF_BIT_FLIPS=1000 $(NEXTEST) run --locked --package wharf-store --no-capture damage

hostile: wharf-debug $(READY) ## 24,000 hostile requests (WHARF_HOSTILE) to all routes, then the how-to's steps
	$(SAY) "Hostile forms of valid requests"
	@WHARF_BINARY="$(TARGET)/debug/wharf" WHARF_HOSTILE=$${WHARF_HOSTILE:-24000} $(VENV)/bin/python -m pytest e2e/hostile -s

fuzz: needs nextest ## Spoiled bytes to every parser, WHARF_FUZZ_SECONDS (60) each
	$(SAY) "Spoiled bytes to every parser"
	@WHARF_FUZZ_SECONDS=$${WHARF_FUZZ_SECONDS:-60} $(NEXTEST) run --locked --package wharf-api --package wharf-cluster --no-capture fuzz

wharf-debug: needs
	$(SAY) "Building the debug binary"
	@cargo build --locked --bin wharf

needs:
	@PYTHON="$(PYTHON)" TARGET="$(TARGET)" .ci/needs

nextest:
	@$(NEXTEST) --version >/dev/null 2>&1 || { \
	  printf '\n==> Installing cargo-nextest into .cache/tools (once, some minutes)\n'; \
	  cargo install --locked --quiet --root .cache/tools --target-dir .cache/tools/target \
	    cargo-nextest --version 0.9.143 --no-default-features --features default-no-update; \
	  rm -rf .cache/tools/target; }

$(READY): examples/requirements.txt examples/constraints.txt e2e/requirements.txt | needs
	$(SAY) "Python packages into $(VENV)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement e2e/requirements.txt --constraint examples/constraints.txt
	@touch $@
