# Messages: what a person types. Each target says what it does in `make help`.

.DEFAULT_GOAL := help
.PHONY: help run test check format bench chaos up down

PROJECTS := $(sort $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/embedded/pyproject.toml))
FOLDERS  := $(PROJECTS:/pyproject.toml=)
BIN      := .venv/bin
# For deptry: what our packages are called when imported, and what is needed without being imported.
COMMA    := ,
SPACE    := $(subst ,, )
OURS     := $(subst $(SPACE),$(COMMA),$(foreach name,$(notdir $(FOLDERS)),messages-$(name)=$(subst -,_,$(name))))
UNSEEN   := DEP002=gunicorn|psycopg

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/run.stamp ## everything in one process with a demo clinic, on http://localhost:8080 (PORT=, DATA_DIR=)
	@exec $(BIN)/python -m embedded

test: .venv/tools.stamp ## every test, on real PostgreSQL, RabbitMQ and Chromium; installs what is missing (ARGS=)
	@$(BIN)/python -m tests.support.parts
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/tools.stamp ## format, lint, types, import rule, dependencies, known weaknesses; no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(FOLDERS:%=%/src) deploy/*.py tests
	$(BIN)/lint-imports
	@for folder in $(FOLDERS); do \
		said=$$($(BIN)/deptry --no-ansi --config $$folder/pyproject.toml --package-module-name-map "$(OURS)" \
			--per-rule-ignores "$(UNSEEN)" $$folder/src 2>&1) || { echo "$$said"; exit 1; }; done
	@echo "deptry: each package names what it imports, and nothing else."
	@$(BIN)/python deploy/audit.py

format: .venv/tools.stamp ## write every file as `check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/tools.stamp ## B1 to B6 on real PostgreSQL and RabbitMQ: table, JSON and plot in bench-results/ (ARGS='--only B1')
	@$(BIN)/python -m tests.load $(ARGS)

chaos: .venv/tools.stamp ## the real system broken at random under load, and the proof that nothing was lost (SECONDS= SEED=)
	@$(BIN)/python -m tests.chaos $(SECONDS:%=--seconds %) $(SEED:%=--seed %) $(ARGS)

up: ## every part in its own container, on http://localhost:8080 (PORT=, DEMO=off)
	@deploy/compose.sh up

down: ## stop what `up` started and leave nothing of it: containers, networks, data, images, secrets
	@deploy/compose.sh down

.venv/run.stamp: deploy/venv.sh constraints.txt $(PROJECTS)
	@deploy/venv.sh run

.venv/tools.stamp: .venv/run.stamp tests/requirements.txt
	@deploy/venv.sh tools
