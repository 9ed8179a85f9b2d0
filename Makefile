# A menu, and nothing else: the work is done by Meson, by scripts/ and by tests/. `make help` lists it.
MAKEFLAGS += --no-print-directory
TIME ?= 60
MINUTES ?= 30
SECONDS ?= 3600

all: build/build.ninja
	@ninja -C build

help:
	@echo 'make          builds the release build in build/'
	@echo 'make demo     sets the machine up, builds, and plays a day of an agent behind the gate'
	@echo 'make test     the quick tests: unit tests, floors; under two minutes'
	@echo 'make check    everything that must hold; its last line counts what passed and failed'
	@echo 'make asan     builds with AddressSanitizer and UBSan in build-asan/ and runs the unit tests'
	@echo 'make tsan     the same with ThreadSanitizer in build-tsan/'
	@echo 'make fuzz     builds the fuzzers in build-fuzz/ and runs each for TIME=60 seconds'
	@echo 'make cover    line coverage of the unit tests, in build-cover/'
	@echo 'make bench    the meter: direct, pgbouncer and postern on this machine, interleaved (QUICK=1: a look)'
	@echo 'make ways     tries ways around the guard, directly and through the gateway'
	@echo 'make regress  runs the regression suite of PostgreSQL directly and through the gateway'
	@echo 'make differential  what statements touch against the server itself, over the regression suite and sqlsmith'
	@echo 'make lint     clang-format, cppcheck, shellcheck'
	@echo 'make shape    sizes of rooms, files and functions'
	@echo 'make soak     an hour (SECONDS=3600) of mixed clients while gateways, servers, disks, lines and stores fail; then everything is counted'
	@echo 'make rounds   kills, drivers, raw protocol and masks, over and over with other seeds, for MINUTES=30'
	@echo 'make install  installs program, man page, completion and examples (DESTDIR=, as meson install)'
	@echo 'make clean    removes what was built'

build/build.ninja:
	@meson setup build >/dev/null

setup:
	@scripts/setup

demo:
	@scripts/setup build run
	@$(MAKE) all
	@./build/src/postern demo

test: setup all
	@scripts/check --quick

check: setup
	@scripts/check

asan tsan:
	@scripts/check --only unit-$@

fuzz:
	@scripts/fuzz $(TIME)

cover:
	@scripts/cover

bench: setup all
	@bench/run $(if $(QUICK),--quick)

ways: setup all
	@tests/attack/ways/run

regress: setup all
	@tests/regress/check

differential: setup all
	@tests/differential/check --regress --sqlsmith 10000

lint:
	@scripts/lint

shape:
	@scripts/shape

soak: setup all
	@tests/soak/soak --seconds $(SECONDS)

rounds: setup all
	@scripts/rounds $(MINUTES)

install: all
	@meson install -C build --no-rebuild

clean:
	@rm -rf build build-asan build-tsan build-fuzz build-cover

.PHONY: all help setup demo test check asan tsan fuzz cover bench regress ways differential lint shape soak rounds install clean
