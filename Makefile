# Everything a developer runs. `make` alone lists the targets.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
THIS := $(abspath $(lastword $(MAKEFILE_LIST)))
BIN  := $(ROOT)/.venv/bin
IN   := cd '$(ROOT)' &&

# Let Python cache byte code: otherwise each of the tests' many processes compiles the product.
unexport PYTHONDONTWRITEBYTECODE
# One more than the cores: while one test waits for a page or a program, another can run.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' '$(THIS)'

.PHONY: setup
setup: ## .venv from the lock files; does nothing if it is current (PYTHON=python3.12 picks one; EXTRAS=postgresql adds it)
	@'$(ROOT)/tools/setup.sh' run

.PHONY: setup-dev
setup-dev:
	@'$(ROOT)/tools/setup.sh' dev

.PHONY: demo
demo: setup ## the whole product on this machine, with a fake phone (PORT=9000, ARGS='--set …')
	@exec '$(BIN)/twostep' demo --port "$${PORT:-8080}" $(ARGS)

.PHONY: test
test: setup-dev ## every test once; as root, also installs what the tests need
	@'$(ROOT)/tools/test_packages.sh'
	@$(IN) exec '$(BIN)/pytest' -q -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: check
check: setup-dev ## format, lint, types, import contracts, house rules
	@$(MAKE) -f '$(THIS)' -j5 -k --output-sync=target check-format check-lint check-types check-imports check-rules

.PHONY: check-format check-lint check-types check-imports check-rules
check-format:
	@$(IN) '$(BIN)/ruff' format --check --quiet . || { echo 'Run: .venv/bin/ruff format .'; exit 1; }
check-lint:
	@$(IN) '$(BIN)/ruff' check --quiet .
check-types:
	@$(IN) '$(BIN)/mypy' --no-error-summary
check-imports:
	@$(IN) '$(BIN)/lint-imports' --no-logo > .venv/import-contracts 2>&1 || { cat .venv/import-contracts; exit 1; }
check-rules:
	@$(IN) '$(BIN)/pytest' -q -p no:cacheprovider tests/test_house_rules.py

.PHONY: bench
bench: setup-dev ## benchmarks against a peer, one JSON object per line (ARGS=P8: a million accounts)
	@$(IN) exec '$(BIN)/python' -m bench $(ARGS)

.PHONY: conformance
conformance: setup-dev ## the conformance card, row by row (ARGS='OTP THR-01': only these rows)
	@'$(ROOT)/tools/test_packages.sh'
	@$(IN) exec '$(BIN)/python' -m conformance $(ARGS)

.PHONY: soak
soak: setup-dev ## the long proofs
	@'$(ROOT)/tools/test_packages.sh' soak
	@$(IN) exec '$(BIN)/pytest' -q -m soak $(ARGS)

.PHONY: shots
shots: setup-dev ## pictures of every page and state, light and dark (OUT=build/shots)
	@'$(ROOT)/tools/test_packages.sh'
	@$(IN) exec '$(BIN)/python' tools/gallery.py $(or $(OUT),build/shots) $(ARGS)

.PHONY: pictures
pictures: setup-dev ## the README's two pictures, taken from the running demo
	@'$(ROOT)/tools/test_packages.sh'
	@$(IN) exec '$(BIN)/python' -m tools.pictures $(ARGS)

.PHONY: reference
reference: setup-dev ## write docs/reference/ from the code
	@$(IN) exec '$(BIN)/python' -m tools.reference $(ARGS)

.PHONY: locale
locale: setup-dev ## collect the text of pages and messages; update the catalogues
	@$(IN) exec '$(BIN)/python' tools/catalogues.py $(ARGS)

.PHONY: lock
lock: ## requirements/*.lock from pyproject.toml (ARGS=--upgrade gets newer versions)
	@'$(ROOT)/tools/lock.sh' $(ARGS)
