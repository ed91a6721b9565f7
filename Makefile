# kubewright: the two commands of the README, and what maintainers run besides.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SCENARIO ?=
TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
TOOLS := $(TARGET_DIR)/tools
export PATH := $(TOOLS)/usr/bin:$(PATH)

.PHONY: help demo test lint doc llm-smoke object-store bench audit setup-build setup-model setup-test

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup-build setup-model ## Break a simulated cluster and watch it being repaired (SCENARIO=oom for another one, --all for all)
	cargo run --quiet --locked -- demo $(SCENARIO)

test: setup-test ## Run all tests
	cargo nextest run --locked --workspace

lint: setup-build ## Format, clippy, documentation: no warnings
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

object-store: setup-build ## Try a shared knowledge base in an S3 server on this machine (builds with --features s3; needs a network)
	cargo build --quiet --locked --features s3 --bin kubewright
	scripts/object-store.sh $(TARGET_DIR)/debug/kubewright

bench: setup-build setup-model ## Measure (figures live in docs/BENCHMARKS.md)
	cargo bench --locked --workspace

audit: ## Licences, bans and advisories (needs cargo-deny and a network)
	cargo deny check

llm-smoke: setup-build ## A small real model served by llama.cpp works on an incident and answers chats (LLM=a .gguf file for your own)
	cargo build --quiet --locked
	scripts/llm-smoke.sh "$(TOOLS)" "$(TARGET_DIR)"

setup-build:
	@scripts/setup.sh build

setup-model:
	@scripts/setup.sh model

setup-test:
	@scripts/setup.sh test "$(TOOLS)"
