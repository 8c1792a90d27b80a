# The front door; CMake does the work. `make help` lists the targets.

BUILD ?= build
DIST ?= dist
PORT ?= 8080
MINUTES ?= 10
PREFIX ?= /usr/local
DESTDIR ?=
PACKAGES ?= run test bench check
OPTIONS ?=
WITHOUT ?=

INSTALLED = libraries sextant-cli
CONFIGURE = cmake -S . -B $(BUILD) -G Ninja $(OPTIONS)
NEEDS_TOOLS = for tool in cmake ninja cc; do command -v $$tool >/dev/null || \
	{ echo "$$tool is missing: run 'make deps'" >&2; exit 1; }; done

.PHONY: help run build test soak check coverage bench amalgamation install deps clean

help:
	@echo "make run      installs what is missing, builds, serves examples/hello on PORT (8080)"
	@echo "make test     installs what is missing, builds, runs every test"
	@echo "make soak     kills, reloads and loads workers for MINUTES (10); their page must tell the truth all the time"
	@echo "make build    only builds, into $(BUILD)/: the libraries, the examples, sextant"
	@echo "make check    the tests again under sanitizers and valgrind, 10 s of fuzzing a target, linters, instructions"
	@echo "make coverage runs the tests; prints the lines and branches of src/ that they reach"
	@echo "make bench    measures; prints a table, writes $(BUILD)/bench/results.json"
	@echo "make amalgamation  writes dist/sextant_metrics.c and .h, the metrics library as two files to copy"
	@echo "make install  installs the libraries; honours DESTDIR and PREFIX (/usr/local)"
	@echo "make deps     only installs packages; PACKAGES='run test bench check'"
	@echo "make clean    removes $(BUILD)/"

run:
	@scripts/deps run
	@$(MAKE) --no-print-directory build
	@[ $(PORT) = 0 ] || echo "hello is at http://127.0.0.1:$(PORT)/ and what it measures at" \
		"http://127.0.0.1:$(PORT)/metrics; Ctrl-C stops it"
	@exec $(BUILD)/examples/hello run --listen 127.0.0.1:$(PORT)

# An existing build directory keeps its options; a new one is without tests, which need more packages.
build:
	@$(NEEDS_TOOLS)
	@[ -f $(BUILD)/build.ninja ] || $(CONFIGURE) -DSEXTANT_TESTS=OFF
	@cmake --build $(BUILD) --target examples $(INSTALLED)

test:
	@scripts/deps test
	@scripts/unpack test
	@$(CONFIGURE) -DSEXTANT_APP=ON -DSEXTANT_TESTS=ON -DSEXTANT_CHECKS=OFF
	@cmake --build $(BUILD)
	@ctest --test-dir $(BUILD) --output-on-failure --no-label-summary -j 2

soak:
	@scripts/deps test
	@$(CONFIGURE) -DSEXTANT_APP=ON -DSEXTANT_TESTS=ON
	@cmake --build $(BUILD) --target soak sextant-cli
	@SX_BUILD=$(BUILD) /usr/bin/python3 -B tests/system/soak.py --minutes $(MINUTES)

check:
	@scripts/deps check bench
	@scripts/unpack test bench
	@scripts/judges
	@$(CONFIGURE) -DSEXTANT_APP=ON -DSEXTANT_TESTS=ON -DSEXTANT_CHECKS=ON -DSEXTANT_WERROR=ON
	@cmake --build $(BUILD)
	@ctest --test-dir $(BUILD) --output-on-failure --no-label-summary -L check $(if $(WITHOUT),-E '^deep\.($(WITHOUT))$$')

coverage:
	@scripts/deps check
	@scripts/unpack test
	@scripts/check coverage

bench:
	@scripts/deps bench
	@scripts/unpack bench
	@$(CONFIGURE) -DSEXTANT_BENCH=ON
	@cmake --build $(BUILD) --target bench
	@bench/run $(BUILD)

amalgamation:
	@scripts/amalgamate $(DIST)

install:
	@$(NEEDS_TOOLS)
	@[ -f $(BUILD)/build.ninja ] || $(CONFIGURE) -DSEXTANT_TESTS=OFF
	@$(CONFIGURE) -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	@cmake --build $(BUILD) --target $(INSTALLED)
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD)
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || PATH="$$PATH:/usr/sbin:/sbin" ldconfig

deps:
	@scripts/deps $(PACKAGES)

clean:
	rm -rf $(BUILD)
