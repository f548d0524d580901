# Everything runs in .venv; nothing else is needed but python3 >= 3.11.
PYTHON ?= python3
BIN := .venv/bin
DIR ?= data

.PHONY: serve test check sbom bench bench-compare bench-growth bench-workers torture fuzz lock format clean

serve: .venv/serve  ## install and run the gateway on its embedded default
	$(BIN)/s3gw serve $(DIR)

test: .venv/dev  ## install and run every test
	$(BIN)/pytest

check: .venv/dev  ## format, lint (bandit's rules too), types, import contracts, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.supply audit

sbom: .venv/dev  ## what a server is made of, as CycloneDX, in s3gw.cdx.json
	$(BIN)/python -m tests.supply sbom > s3gw.cdx.json

bench: .venv/dev  ## a fixed load over real sockets, each figure beside its limit
	$(BIN)/python -m bench

bench-compare: .venv/dev  ## every S3 server on PATH side by side: make bench-compare ARGS="--seconds 1 --cells 'get-*'"
	$(BIN)/python -m bench compare $(ARGS)

bench-growth: .venv/dev  ## cost of an operation with 10^4 to 10^6 objects: make bench-growth ARGS="--most 10000000"
	$(BIN)/python -m bench growth $(ARGS)

bench-workers: .venv/dev  ## one worker process beside two, and no stale read on either
	$(BIN)/python -m bench workers $(ARGS)

torture: .venv/dev  ## every gate of reliability at full length, a JSON line each: make torture ARGS="kill --scale 0.1"
	$(BIN)/python -m tests.torture $(ARGS)

fuzz: .venv/dev  ## 10^6 inputs for each of all parsers, 2 x 10^5 requests at a server: make fuzz ARGS="--seed 7"
	$(BIN)/python -m tests.torture fuzz fuzz_wire $(ARGS)

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## pin what pyproject.toml allows
	uv pip compile -q --generate-hashes --universal --no-emit-index-url --extra dev -o requirements-dev.lock pyproject.toml
	uv pip compile -q --generate-hashes --universal --no-emit-index-url --extra build -c requirements-dev.lock -o requirements.lock pyproject.toml

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/serve: .venv/bin/python requirements.lock pyproject.toml
	$(BIN)/pip install -q --require-hashes -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@

.venv/dev: .venv/bin/python requirements-dev.lock pyproject.toml
	$(BIN)/pip install -q --require-hashes -r requirements-dev.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@ .venv/serve

clean:
	rm -rf .venv
