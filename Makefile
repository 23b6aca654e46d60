# Every target sets up what it needs and can be run alone in a fresh clone.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INTEROP_VENV ?= .venv-interop
# The Zipkin server's URL to which `make demo` sends its spans; empty for the embedded collector.
ZIPKIN ?=

.DEFAULT_GOAL := help
.PHONY: help bootstrap demo test test-all test-old-otel test-old-libraries test-upstream settings lint integration screenshots interop interop-chain fuzz soak fleet scale scale-page zipkin bench bench-quick bench-page bench-guard bench-record build clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Each set of packages has a stamp file, so a target runs pip only when pyproject.toml has changed.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml setup.py | $(VENV)/bin/python
	@echo "installing what 'make $(MAKECMDGOALS)' needs into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

bootstrap: $(VENV)/.installed-test $(VENV)/.installed-lint ## prepare everything for development

demo: $(VENV)/.installed-collector ## run three services and show their traces (ZIPKIN=http://... sends to that server)
	@$(BIN)/python -m opentracing_zipkin demo $(if $(ZIPKIN),--endpoint $(ZIPKIN)) $(DEMO)

test: $(VENV)/.installed-test ## unit tests, contract suites and the documentation's examples, in about 15 minutes
	$(BIN)/python -m pytest --ignore=tests/integration --ignore=tests/interop $(TESTS)

test-all: ## test and interop on every Python we support, each in environments of its own
	@for version in 3.10 3.11 3.12 3.13; do \
		python=$$(scripts/find-python $$version) || exit 1; \
		echo "== Python $$version ($$python)"; \
		$(MAKE) --no-print-directory test interop PYTHON=$$python VENV=.venv-$$version \
			INTEROP_VENV=.venv-interop-$$version || exit 1; \
	done
	@$(MAKE) --no-print-directory test-old-otel test-old-libraries

# The oldest versions that the extras accept; they are a year old.
OLD_OTEL = opentelemetry-api==1.38.0 opentelemetry-sdk==1.38.0 opentelemetry-semantic-conventions==0.59b0
test-old-otel: ## the tests of OpenTelemetry's API and exporter on its oldest version that we support
	@test -x .venv-old-otel/bin/python || $(PYTHON) -m venv .venv-old-otel
	@.venv-old-otel/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]' $(OLD_OTEL)
	.venv-old-otel/bin/python -m pytest tests/opentracing_zipkin/otel tests/opentracing_zipkin/test_otel_exporter.py $(TESTS)

# The oldest versions that `instrument.registry` names, and what they need; no single resolution has them all.
OLD_LIBRARIES = flask==2.0.3 django==3.2.25 fastapi==0.106.0 starlette==0.29.0 requests==2.28.0 httpx==0.23.3 urllib3==1.26.0 \
	aiohttp==3.8.6 celery==5.0.5
OLD_NEEDS = werkzeug==2.0.3 jinja2==3.0.3 itsdangerous==2.0.1 pytz httpcore==0.16.3 h11==0.14.0 rfc3986==1.5.0 \
	charset-normalizer==2.1.1 async-timeout==4.0.3 kombu==5.0.2 billiard==3.6.4.0 amqp==5.0.9
test-old-libraries: ## the tests of our instrumentations on the oldest version of each library that we support
	@test -x .venv-old-libraries/bin/python || $(PYTHON) -m venv .venv-old-libraries
	@.venv-old-libraries/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@.venv-old-libraries/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(OLD_LIBRARIES) $(OLD_NEEDS)
	.venv-old-libraries/bin/python -m pytest -o filterwarnings=default --disable-warnings $(addprefix tests/opentracing_zipkin/instrument/test_, \
		$(addsuffix .py, flask django fastapi requests httpx urllib3 aiohttp celery)) $(TESTS)

# A folder with the tracer and its tests, but without our API, so that the archived upstream package is used in its place.
UPSTREAM = .cache/upstream
test-upstream: ## the tracer's tests on the archived OpenTracing 2.4.0 in place of our opentracing/
	@test -x .venv-upstream/bin/python || $(PYTHON) -m venv .venv-upstream
	@.venv-upstream/bin/python -m pip install --quiet --disable-pip-version-check '.[test]'
	@.venv-upstream/bin/python -m pip install --quiet --disable-pip-version-check --no-deps opentracing==2.4.0
	@rm -rf $(UPSTREAM) && mkdir -p $(UPSTREAM) && cp -r opentracing_zipkin tests conformance docs README.md LICENSE setup.py $(UPSTREAM)
	@sed -e 's/^name = "opentracing"$$/name = "opentracing-zipkin"/' -e 's/"opentracing\*", //' pyproject.toml >$(UPSTREAM)/pyproject.toml
	@.venv-upstream/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e $(UPSTREAM)  # the command, entry points
	cd $(UPSTREAM) && $(CURDIR)/.venv-upstream/bin/python -c 'import opentracing; assert not hasattr(opentracing, "TraceContext")'
	cd $(UPSTREAM) && $(CURDIR)/.venv-upstream/bin/python -m pytest tests/opentracing_zipkin \
		--ignore tests/opentracing_zipkin/demo -m "not needs_our_api" $(TESTS)

settings: $(VENV)/.installed-test ## write the tables of settings and the findings of the doctor into docs/, from their declarations
	$(BIN)/python scripts/write-settings
	$(BIN)/python scripts/write-troubleshooting

lint: $(VENV)/.installed-test $(VENV)/.installed-lint ## style, types (also as users see them), and which module may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/check-types
	$(BIN)/lint-imports

integration: $(VENV)/.installed-test $(VENV)/.installed-integration ## real servers, brokers and processes, real faults, a real browser
	@scripts/need-command redis-server redis-server
	@scripts/need-command go golang
	@scripts/need-command mvn maven
	@scripts/need-command java openjdk-17-jre-headless
	@scripts/need-rabbitmq
	$(BIN)/python -m pytest --timeout=1200 tests/integration $(TESTS)  # the first run fetches the server and the browser

# Third-party packages have old pins, some of them on the archived `opentracing`.  So they are installed without their
# dependencies, and requirements.txt locks the packages that they really need.
$(INTEROP_VENV)/.installed: tests/interop/requirements.txt tests/interop/packages.txt pyproject.toml setup.py
	@echo "installing what 'make interop' needs into $(INTEROP_VENV) ..." >&2
	@test -x $(INTEROP_VENV)/bin/python || $(PYTHON) -m venv $(INTEROP_VENV)
	@$(INTEROP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
	@$(INTEROP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/interop/packages.txt
	@# Only OpenTelemetry's deprecated proto3 exporter needs this version; no other package works with it.
	@$(INTEROP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(INTEROP_VENV)/protobuf3 protobuf==3.20.3
	@$(INTEROP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

screenshots: $(VENV)/.installed-test $(VENV)/.installed-integration ## the pictures of the collector's page in docs/images
	ZIPKIN_PICTURES=docs/images $(BIN)/python -m pytest tests/integration/page/test_pictures.py

interop: $(INTEROP_VENV)/.installed ## third-party instrumentations in small applications, on the Zipkin tracer
	@scripts/need-command redis-server redis-server
	$(INTEROP_VENV)/bin/python -m pytest --ignore=tests/interop/chain tests/interop $(TESTS)

$(INTEROP_VENV)/.installed-chain: tests/interop/chain/requirements.txt $(INTEROP_VENV)/.installed
	@$(INTEROP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/interop/chain/requirements.txt
	@touch $@

interop-chain: $(INTEROP_VENV)/.installed-chain ## one request through five services, PostgreSQL, Redis and Kafka, on a real Zipkin server
	@scripts/need-command redis-server redis-server
	@scripts/need-command mvn maven
	@scripts/need-command java openjdk-17-jre-headless
	@scripts/need-postgres
	$(INTEROP_VENV)/bin/python -m pytest --timeout=1200 tests/interop/chain $(TESTS)  # the first run fetches Zipkin and Kafka

# The first command takes 10 times FUZZ_SECONDS, the second about 90 seconds.
FUZZ_SECONDS ?= 15
fuzz: $(VENV)/.installed-test $(VENV)/.installed-fuzz ## every parser on hostile input: atheris, then Hypothesis, for at most 5 minutes
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m pytest --hypothesis-profile=fuzz -o timeout=300 tests/fuzz tests/opentracing_zipkin/reporter/test_reporter_states.py $(TESTS)

soak: $(VENV)/.installed-test $(VENV)/.installed-integration $(VENV)/.installed-soak ## ten minutes of load with a collector that fails at times (SOAK="--minutes 2"), then each whole suite of which `make integration` runs only a part
	$(BIN)/python -m tests.soak $(SOAK)
	FAULTS_SHARE=100 $(BIN)/python -m pytest --timeout=1200 tests/integration/faults/test_firsts.py
	SERVERS_WHOLE=1 $(BIN)/python -m pytest --timeout=1200 tests/integration/test_servers.py

fleet: $(VENV)/.installed-test ## five minutes of spans through Kafka and RabbitMQ while servers are killed, then a comparison of sent and stored spans (FLEET="--minutes 2")
	@scripts/need-command mvn maven
	@scripts/need-command java openjdk-17-jre-headless
	@scripts/need-command mariadbd mariadb-server
	@scripts/need-rabbitmq
	@$(BIN)/python -m tests.fleet $(FLEET)

scale: $(VENV)/.installed-test ## the loads that one process, one partition and one collector carry, and fleet sizes, in five minutes
	@scripts/need-command mvn maven
	@scripts/need-command java openjdk-17-jre-headless
	@scripts/need-command mariadbd mariadb-server
	@$(BIN)/python -m bench.scale --json .cache/scale.json $(SCALE)

# With SCALED=.cache/scale.json, the results of `make scale` become the record; without it, the page is made from the present one.
scale-page: $(VENV)/.installed-test ## make docs/explanation/scale.md from the results of `make scale` (SCALED=.cache/scale.json)
	@$(BIN)/python -m bench.scale.page $(SCALED)

zipkin: $(VENV)/.installed-test ## start the real Zipkin server on port 9411, until Ctrl-C (PORT=9412 for another port)
	$(BIN)/python -m tests.integration.zipkin_server

bench-quick: $(VENV)/.installed-test ## our costs as ratios to the least possible tracer and to OpenTelemetry, in about a minute
	$(BIN)/python -m bench --quick

bench: $(VENV)/.installed-test ## our costs beside those of all other tracers, also of requests, curves and services under load, in twenty minutes; writes only under .cache/
	$(BIN)/python -m bench --json .cache/bench.json $(BENCH)
	$(BIN)/python -m bench.stores
	$(BIN)/python -m bench.samplers
	$(BIN)/python -m bench.handlers

# The results of one whole run, then those of other Pythons, which need only the costs (bench/benchmarks.template.md).
RESULTS ?= .cache/bench.json
# The results of parts that were measured alone: requests, exports, or the costs of OpenTelemetry's API.
PARTS ?=
bench-page: $(VENV)/.installed-bench ## make docs/explanation/benchmarks.md and its pictures from the results of `make bench`
	@$(BIN)/python -m bench.page $(if $(PARTS),--parts $(PARTS),$(RESULTS))

bench-guard: $(VENV)/.installed-test ## compare the instructions of each step of a span with bench/recorded.json
	@scripts/need-command valgrind valgrind
	$(BIN)/python -m bench.guard

bench-record: ## record the present instructions for bench-guard, on every Python, in ten minutes
	@scripts/need-command valgrind valgrind
	@for version in 3.10 3.11 3.12 3.13; do \
		python=$$(scripts/find-python $$version) || exit 1; \
		$(MAKE) --no-print-directory .venv-$$version/.installed-test PYTHON=$$python VENV=.venv-$$version || exit 1; \
		echo "== Python $$version"; .venv-$$version/bin/python -m bench.guard --record || exit 1; \
	done

build: $(VENV)/.installed-build ## a wheel and a source distribution in dist/
	$(BIN)/python -m build

clean: ## remove what the targets made
	rm -rf .venv* .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
