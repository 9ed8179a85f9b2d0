# A menu, and nothing else: the work is done by Meson, by scripts/ and by tests/. `make help` lists it.
MAKEFLAGS += --no-print-directory
TIME ?= 60
MINUTES ?= 30

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
	@echo 'make regress  runs the regression suite of PostgreSQL directly and through the gateway'
	@echo 'make differential  what statements touch against the server itself, over the regression suite and sqlsmith'
	@echo 'make lint     clang-format, cppcheck, shellcheck'
	@echo 'make shape    sizes of rooms, files and functions'
	@echo 'make soak     works and kills the gateway for MINUTES=30'
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

regress: setup all
	@tests/regress/check

differential: setup all
	@tests/differential/check --regress --sqlsmith 10000

lint:
	@scripts/lint

shape:
	@scripts/shape

soak: setup all
	@scripts/soak $(MINUTES)

install: all
	@meson install -C build --no-rebuild

clean:
	@rm -rf build build-asan build-tsan build-fuzz build-cover

.PHONY: all help setup demo test check asan tsan fuzz cover bench regress differential lint shape soak install clean
