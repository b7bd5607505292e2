# For people; the build itself is CMake's (CMakePresets.json).
.PHONY: run bench build test quick-test setup setup-test docs format clean

run: setup build
	@build/ringback dev

build:
	@cmake --preset release >/dev/null
	@cmake --build --preset release

# Everything: unit tests under sanitizers, wire, fuzz (short), end to end with real clients. The last line is `N passed, N failed`.
test: setup-test
	@scripts/test

# What a change needs most often: unit tests without sanitizers.
quick-test: setup-test
	@scripts/test quick

# What it costs on this machine (docs/performance.md).
bench: build
	@build/ringback-bench

setup:
	@scripts/setup run

setup-test:
	@scripts/setup test

# Pages that are made from tables in the source.
docs: build
	@mkdir -p docs/reference
	@build/ringback options >docs/reference/configuration.md
	@build/ringback limits >docs/reference/limits.md
	@build/ringback reasons >docs/reference/reasons.md
	@build/ringback bimserver-methods >docs/reference/bimserver.md
	@build/ringback bimserver-proto src/doors/bimserver/proto

format:
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' | xargs clang-format-14 -i

clean:
	@rm -rf build build-*
