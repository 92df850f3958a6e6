# Talkmeter's tasks. They need Python 3.11 or later and make. Everything else is installed into .venv,
# in the versions and with the hashes of requirements/.

PYTHON ?= python3
ARGS ?=
BROWSER ?= yes

BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
NPM := $(BIN)/python hatch_build.py npm

.DEFAULT_GOAL := help
.PHONY: help run install test test-fast test-integrations faults lint format dev openapi contract screenshots bench bench-full wheel audit requirements page clean
.NOTPARALLEL:
.DELETE_ON_ERROR:
.SILENT:

# Ignore an active virtual environment and the Python settings of the caller.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
export UV_PYTHON_DOWNLOADS := never
# Trust the system's certificates, including a company's own, as pip does.
export UV_SYSTEM_CERTS := true
# If HOME is missing or read-only, use a folder in .venv, because some tools write to it.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.venv/home
endif

help: ## list the tasks
	echo 'Needs Python 3.11 or later and make. Installs only into .venv.'
	echo
	sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) \
		| while IFS='|' read -r name what; do printf '%-20s %s\n' "$$name" "$$what"; done
	echo
	echo 'test, run, dev and bench pass ARGS on: make test ARGS="-n 0 -k period". Another Python: make clean run PYTHON=python3.13'

run: .venv/run.stamp page ## start the demo: a year of made-up usage, and a link to open it
	$(BIN)/talkmeter demo $(ARGS)

install: .venv/dev.stamp page ## install everything a developer needs into .venv

test: .venv/dev.stamp page ## run all tests; BROWSER=no leaves out those that need Chromium
	$(NPM) test --silent
ifeq ($(BROWSER),no)
	echo 'BROWSER=no: skipping the tests in a real browser.'
	$(BIN)/pytest --ignore tests/browser $(ARGS)
else
	export TALKMETER_CHROMIUM="$$($(BIN)/python tools/chromium.py)" && $(BIN)/pytest $(ARGS)
endif

FAST_LEAVES_OUT = PostgreSQL, the browser, the tests of the page, and the folders \
	acceptance, api, cli, client, connectors, docs, faults and store of tests

test-fast: .venv/dev.stamp ## run unit tests and property tests with few examples, in under 90 s
	$(BIN)/pytest -q -n 2 tests/unit tests/laws -m 'not postgresql' --hypothesis-profile=fast $(ARGS)
	echo 'Left out: $(FAST_LEAVES_OUT).'

test-integrations: .venv/dev.stamp .venv/integrations.stamp .venv/adk.stamp ## run the recipes of examples/integrations with the real packages
	$(BIN)/pytest -n 2 --dist load tests_integration $(ARGS)

faults: .venv/dev.stamp ## run every fault test in its full number of rounds (about half an hour), and print their table
	TALKMETER_FAULTS_IN_FULL=yes $(BIN)/pytest -n 0 tests/faults $(ARGS)

lint: .venv/dev.stamp ## check style, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(NPM) run check --silent

format: .venv/dev.stamp ## format the code and fix what can be fixed automatically
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(NPM) run format --silent

dev: .venv/dev.stamp ## work on the page: the demo behind Vite, which shows changes at once
	$(BIN)/python tools/dev.py $(ARGS)

openapi: .venv/dev.stamp ## write dashboard/openapi.json, the source of the page's types
	$(BIN)/python tools/openapi.py

contract: .venv/dev.stamp ## write tests/contract/*.json, the responses that the page's tests use
	TALKMETER_WRITE_CONTRACT=yes $(BIN)/pytest -n 0 tests/api/test_contract.py

screenshots: .venv/dev.stamp page ## take the screenshots in docs/images
	TALKMETER_CHROMIUM="$$($(BIN)/python tools/chromium.py)" $(BIN)/python tools/screenshots.py $(ARGS)

bench: .venv/bench.stamp page ## measure everything at a million conversations, into bench/results (ten minutes, 1 GB of disk)
	export TALKMETER_CHROMIUM="$$($(BIN)/python tools/chromium.py)" && $(BIN)/python -m bench --save $(ARGS)

bench-full: .venv/bench.stamp page ## the same at ten million (takes much longer, 20 GB of disk); ARGS="--only growth" for one group
	export TALKMETER_CHROMIUM="$$($(BIN)/python tools/chromium.py)" && $(BIN)/python -m bench --full --save $(ARGS)

wheel: .venv/run.stamp page ## build sdists, wheels and their bill of materials into dist/, and check the wheels outside the clone
	rm -rf dist
	$(UV) build --quiet --python $(BIN)/python --no-build-isolation --out-dir dist client
	$(UV) build --quiet --python $(BIN)/python --no-build-isolation --out-dir dist
	rm -f dist/.gitignore
	$(BIN)/python tools/sbom.py dist
	$(BIN)/python tools/check_wheel.py

audit: .venv/dev.stamp ## check the pinned packages for known vulnerabilities (needs a network)
	$(BIN)/python tools/audit.py

# Pins change only if their .in file or pyproject.toml no longer allows them, or with UPGRADE=yes.
COMPILE = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-package talkmeter-client --custom-compile-command 'make requirements' $(if $(UPGRADE),--upgrade)

requirements: .venv/uv.stamp ## update the versions in requirements/*.txt (UPGRADE=yes: to the newest)
	$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) pyproject.toml --no-emit-package polyfactory --no-emit-package faker --output-file requirements/run.txt
	$(COMPILE) requirements/build.in --output-file requirements/build.txt
	$(COMPILE) requirements/page.in --output-file requirements/page.txt
	$(COMPILE) requirements/dev.in --output-file requirements/dev.txt
	$(COMPILE) requirements/bench.in --output-file requirements/bench.txt
	$(COMPILE) requirements/integrations.in --output-file requirements/integrations.txt
	$(COMPILE) requirements/adk.in --output-file requirements/adk.txt
	if grep -n '://' requirements/*.txt; then \
		echo 'These lines contain a URL; requirements/*.txt must not.' >&2; exit 1; fi

clean: ## remove .venv and everything that was built; databases stay
	rm -rf .venv dist build client/dist src/talkmeter/page dashboard/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src client tests tests_integration bench examples tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# .venv and its contents. A .venv that was moved here, or whose Python is missing or too old, is recreated.

USABLE := $(shell $(BIN)/python -c 'import sys; print(sys.version_info >= (3, 11) and open(".venv/place").read().strip())' 2>/dev/null)
ifneq ($(USABLE),$(CURDIR))
.PHONY: .venv/place
endif

.venv/place:
	version=$$($(PYTHON) -c 'import platform, sys; print(platform.python_version()); sys.exit(sys.version_info < (3, 11))' 2>/dev/null) || { \
		if [ -n "$$version" ]; then found="is Python $$version"; else found='does not run'; fi; \
		echo "Talkmeter needs Python 3.11 or later, and \"$(PYTHON)\" $$found." >&2; \
		echo 'Choose another: make $(or $(firstword $(MAKECMDGOALS)),run) PYTHON=python3.13' >&2; exit 1; }; \
	echo "Creating .venv with Python $$version."
	$(PYTHON) -m venv --clear .venv || { \
		echo '"$(PYTHON)" cannot create a virtual environment. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	echo '$(CURDIR)' > $@

.venv/uv.stamp: .venv/place requirements/uv.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/uv.txt
	touch $@

.venv/run.stamp: .venv/uv.stamp requirements/run.txt requirements/build.txt pyproject.toml client/pyproject.toml
	echo 'Installing the dependencies of Talkmeter.'
	$(INSTALL) --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(BUILD_PAGE)
	$(INSTALL) --no-deps --no-build-isolation --editable ./client --editable .
	touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt requirements/page.txt
	echo 'Installing the dependencies of tests and linters.'
	$(INSTALL) --require-hashes -r requirements/dev.txt -r requirements/page.txt
	$(UV) pip check --quiet --python $(BIN)/python || { \
		echo 'requirements/*.txt do not match pyproject.toml. Run: make requirements' >&2; exit 1; }
	touch $@

# Some engines have no wheel for some platforms; the tables then say which are missing.
.venv/bench.stamp: .venv/dev.stamp requirements/bench.txt
	echo 'Installing the engines to compare with.'
	$(INSTALL) --require-hashes -r requirements/bench.txt || \
		echo 'Some could not be installed; measuring the others.' >&2
	touch $@

# These packages would change the versions in .venv, so each list is installed into another environment.
.venv/integrations.stamp .venv/adk.stamp: .venv/%.stamp: .venv/uv.stamp requirements/%.txt client/pyproject.toml
	echo 'Installing requirements/$*.txt into .venv/$*.'
	$(BIN)/python -m venv --clear --without-pip .venv/$*
	$(UV) pip install --quiet --python .venv/$*/bin/python --require-hashes -r requirements/$*.txt
	$(UV) pip install --quiet --python .venv/$*/bin/python --no-deps --no-build-isolation --editable ./client
	touch $@

# The page is built if it is older than dashboard/. Only then is Node installed.
BUILD_PAGE = if $(BIN)/python hatch_build.py --stale; then \
	$(INSTALL) --require-hashes -r requirements/page.txt && $(BIN)/python hatch_build.py; fi

page: .venv/run.stamp
	$(BUILD_PAGE)
