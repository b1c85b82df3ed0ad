# The commands of this repository. `make test` is what CI runs.

SHELL      := /bin/bash
.SHELLFLAGS := -euo pipefail -c
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZ       ?= 2000x
GOFLAGS_STATIC := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: all build man docs packages packages-test reproducible test check unit fuzz fuzz-smoke bench screenshots tools

all: build

## build: the static binary ./zeekfleet
build:
	CGO_ENABLED=0 go build $(GOFLAGS_STATIC) -o zeekfleet ./cmd/zeekfleet

## man: the man pages, in dist/man; "man -l dist/man/zeekfleet.1" shows one
man:
	@rm -rf dist/man
	@CGO_ENABLED=0 go test -count=1 -run '^TestManPages$$' ./cmd/zeekfleet -args -man "$(CURDIR)/dist/man"
	@echo "$$(ls dist/man | wc -l) pages in dist/man"

## packages: deb and rpm packages, images of containers, bills of materials and checksums, in dist
packages:
	@cd tools && CGO_ENABLED=0 go run ./packages -out "$(CURDIR)/dist"
	@echo "packages in dist"

## packages-test: the life of packages and images, in root directories of their own
packages-test:
	@echo "== packages"; cd tools && CGO_ENABLED=0 go test -count=1 ./...

## reproducible: two builds of this commit have the same bytes, one of them without any cache
reproducible:
	@scripts/reproducible

## docs: the documentation as a site, in dist/docs
docs:
	@rm -rf dist/docs dist/reference
	@CGO_ENABLED=0 go test -count=1 -run '^TestReference$$' ./cmd/zeekfleet -args -reference "$(CURDIR)/dist/reference"
	@CGO_ENABLED=0 go run ./internal/guide dist/reference dist/docs
	@rm -rf dist/reference
	@echo "open dist/docs/index.html"

## test: everything that must hold before a change lands
test: tools
	@scripts/unchanged $(MAKE) --no-print-directory check unit fuzz-smoke packages-test

# These targets need no C compiler, and build faster without cgo.
check fuzz-smoke fuzz: export CGO_ENABLED = 0

check:
	@echo "== formatter"; unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
		[ -z "$$unformatted" ] || { echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; }
	@echo "== modules"; go mod tidy -diff
	@echo "== vet"; go vet ./...
	@echo "== go fix"; go fix -diff ./...
	@echo "== staticcheck"; go tool staticcheck ./...
	@echo "== static build"; go build -o /dev/null ./cmd/zeekfleet
	@echo "== generators"; go generate ./...
	@echo "== tools"; cd tools && go mod tidy -diff && go vet ./... && go fix -diff ./...

# The race detector delays the end of every process by a second, and the tests
# start hundreds of processes. GORACE turns the delay off. On a busy machine the tests of
# cmd/zeekfleet take longer than the ten minutes that Go allows a package.
unit:
	@CGO_ENABLED=0 go test -count=1 -v -run '^TestHosts$$' ./internal/hosttest | grep '^hosttest: .* is skipped' || true # said here, because go test says nothing of skipped tests
	@echo "== tests"; GORACE=atexit_sleep_ms=0 go test -race -timeout 40m ./...
	@echo "== under damage, and at the limit, without the race detector"; CGO_ENABLED=0 go test -count=1 -run '^(TestNoNodeIsStoppedByTenThousandDamages|TestAConfigurationOfTheGreatestSizeCanBeStagedAndRead)$$' ./internal/daemon

## fuzz-smoke: every fuzzer for a few thousand inputs
fuzz-smoke:
	@echo "== fuzzers, $(FUZZ) each"; scripts/fuzz $(FUZZ)

## fuzz: every fuzzer for a minute
fuzz:
	@scripts/fuzz 60s

## bench: each measured figure beside its budget, in docs/performance.md, too. ZEEK=1 lets nodes run the Zeek that is found
bench: build
	@[ -n "$(ZEEK)" ] || CGO_ENABLED=0 go build $(GOFLAGS_STATIC) -tags noetcd -o /dev/null ./cmd/zeekfleet # so that the cache has it
	@./zeekfleet bench $(if $(ZEEK),--zeek cluster,--write docs/performance.md) $(BENCH)

## screenshots: a picture of each page, in both widths and both themes, in dist/screenshots
SCREENSHOTS ?= dist/screenshots
screenshots:
	@scripts/need chromium:chromium
	@mkdir -p "$(SCREENSHOTS)"
	@CGO_ENABLED=0 go test -count=1 ./internal/browser -args -screenshots "$$(realpath "$(SCREENSHOTS)")"
	@echo "$$(ls "$(SCREENSHOTS)" | wc -l) pictures in $(SCREENSHOTS)"

# The tests need programs that a bare machine may lack: a C compiler for the race
# detector, openssl for certificates and as a TLS peer with Zeek's defaults, ip for the
# network namespaces of internal/hosts, curl and jq for the commands of docs/api.md,
# zsh and fish for completion, systemd, dbus and util-linux for the hosts of internal/hosttest, python3 for an example of docs/operations.md, prometheus to
# scrape a fleet and to check what deploy has, and etcd as the one that a site runs.
tools:
	@scripts/need gcc:gcc,libc6-dev openssl:openssl ip:iproute2 nsenter:util-linux /lib/systemd/systemd:systemd dbus-daemon:dbus curl:curl jq:jq zsh:zsh fish:fish python3:python3 prometheus:prometheus promtool:prometheus etcd:etcd-server
	@scripts/need chromium:chromium # for the pages
	@scripts/need mmdebstrap:mmdebstrap rpm:rpm unshare:util-linux # for the packages
