# Everything a person does with this checkout. Each target sets up what it needs and says so.
# On a bare Debian: `apt-get install make git python3`, then `make demo` or `make test`.

SHELL := /bin/sh
PYTHON := .venv/bin/python
SAY := @printf '\033[1m==> %s\033[0m\n'
READY := .venv/.ready
NODE_READY := tests/npm/node_modules/.ready
MUTATION_PYTHON := .tools/mutation/bin/python
MUTATION_READY := .tools/mutation/.ready
MODEL_PYTHON := models/tiny/build/venv/bin/python
MODEL_READY := models/tiny/build/venv/.ready
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

.PHONY: help setup demo up test check mutation bench docs model lock wheel clean

help: ## Show the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Make the virtual environment with every wheel checked by hash.

$(READY): requirements/dev.txt pyproject.toml scripts/make_venv.sh
	$(SAY) "Setting up .venv (once; a minute)"
	@sh scripts/make_venv.sh
	@touch $@

$(NODE_READY): $(READY) tests/npm/package-lock.json
	$(SAY) "Installing the npm packages of the tests (once)"
	@npm="$$($(PYTHON) scripts/node_path.py npm)"; \
		PATH="$$($(PYTHON) scripts/node_path.py):$$PATH"; export PATH; \
		cd tests/npm && node "$$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(READY) ## Run the whole network on real inference, and check every figure.
	$(SAY) "A whole network on this machine: about a minute"
	@$(PYTHON) -m demo

up: $(READY) ## Run an orchestrator in ./data.
	@.venv/bin/basis up

check: $(READY) $(NODE_READY) ## Format, lint, types, import rule, tidy tests.
	$(SAY) "Format and lint"
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	$(SAY) "Types"
	@PATH="$$($(PYTHON) scripts/node_path.py):$$PATH" node tests/npm/node_modules/pyright/index.js
	$(SAY) "Import rule"
	@.venv/bin/lint-imports --no-logo 2>/dev/null || .venv/bin/lint-imports
	$(SAY) "Tidiness"
	@$(PYTHON) -m pytest -q -p no:cacheprovider tests/repo

test: $(READY) $(NODE_READY) ## Run every test.
	@command -v curl >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -qq && apt-get install -y -qq curl >/dev/null; }
	$(SAY) "Tests"
	@$(PYTHON) -m pytest -q -n 2 --dist loadfile tests

mutation: $(READY) $(MUTATION_READY) ## Change the rules bit by bit: do tests notice? (half an hour)
	$(SAY) "Mutants of src/basis/rules"
	@$(PYTHON) scripts/mutation.py

# mutmut's own wheels, with those of .venv behind them.
$(MUTATION_READY): $(READY) requirements/mutation.txt
	$(SAY) "Setting up .tools/mutation (once)"
	@$(PYTHON) -m venv --clear .tools/mutation
	@$(MUTATION_PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements/mutation.txt
	@$(PYTHON) -c "import site; print(site.getsitepackages()[0])" > \
		"$$($(MUTATION_PYTHON) -c 'import site; print(site.getsitepackages()[0])')/venv.pth"
	@touch $@

bench: $(READY) ## Measure gateway, rewards, ledger and audit; prints what to quote.
	$(SAY) "The gateway's cost per job"
	@$(PYTHON) -m bench.gateway
	$(SAY) "The money: rewards, ledger, audit"
	@$(PYTHON) -m bench.rewards
	@$(PYTHON) -m bench.ledger
	@$(PYTHON) -m bench.audit --only sql

docs: $(READY) ## Write docs/reference/cli.md and settings.md anew from the code.
	$(SAY) "Reference pages"
	@$(PYTHON) scripts/reference_docs.py

model: $(MODEL_READY) ## Train the shipped models anew and export them (an hour on two cores).
	$(SAY) "Vocabulary and training"
	@$(MODEL_PYTHON) -m models.tiny.vocabulary
	@$(MODEL_PYTHON) -m models.tiny.train good
	@$(MODEL_PYTHON) -m models.tiny.train worse
	$(SAY) "Exports"
	@cp models/tiny/build/vocabulary.json src/basis/artefacts/basis-tiny.tokenizer.json
	@$(MODEL_PYTHON) -m models.tiny.weights_to_gguf good src/basis/artefacts/basis-tiny.gguf
	@$(MODEL_PYTHON) -m models.tiny.weights_to_gguf worse src/basis/artefacts/basis-tiny-worse.gguf
	@$(MODEL_PYTHON) -m models.tiny.gguf_variants
	@$(MODEL_PYTHON) -m models.tiny.gguf_to_onnx
	$(SAY) "How well it answers"
	@$(MODEL_PYTHON) -m models.tiny.evaluate

$(MODEL_READY): requirements/model.txt requirements/torch.txt
	$(SAY) "Setting up models/tiny/build/venv with PyTorch (once)"
	@python3 -m venv --clear models/tiny/build/venv
	@$(MODEL_PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements/model.txt
	@$(MODEL_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements/torch.txt
	@touch $@

lock: ## Compile requirements/*.txt anew (needs `uv` on the PATH).
	$(LOCK) pyproject.toml --extra server --extra worker --extra llamacpp requirements/dev.in \
		-o requirements/dev.txt
	$(LOCK) pyproject.toml --extra server --extra llamacpp -c requirements/dev.txt \
		-o requirements/server.txt
	$(LOCK) pyproject.toml --extra worker --extra llamacpp -c requirements/dev.txt \
		-o requirements/worker.txt
	$(LOCK) requirements/model.in -c requirements/dev.txt -o requirements/model.txt
	$(LOCK) requirements/mutation.in -c requirements/dev.txt -o requirements/mutation.txt

wheel: $(READY) ## Build the wheel into dist/.
	@$(PYTHON) -m hatchling build -t wheel

clean: ## Remove what the targets made; data/ stays.
	rm -rf .venv .tools .demo dist build tests/npm/node_modules models/tiny/build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
