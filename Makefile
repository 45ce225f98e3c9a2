# Resound. `make` alone lists the targets.
#
#   make run ARGS="--port 8081"     arguments for the server
#   make fuzz FUZZTIME=10m OTHERS=10m  time for the parsers of every byte a client sends, and for the others
#   make unit TESTFLAGS=-count=1    more arguments for `go test`
#   make cross CROSS=linux-arm64    another platform to compile for
#   make soak DURATION=1h SEED=42   how long, and what an earlier soak has done

FUZZTIME  ?= 60s
OTHERS    ?= 10s
DURATION  ?= 10m
SEED      ?= 0
TESTFLAGS ?=
ARGS      ?=

# The version is stamped below, so a checkout that git distrusts (another owner,
# as in a CI container) and a tarball without .git both build.
export GOFLAGS := -buildvcs=false $(GOFLAGS)
GIT     := git -c safe.directory='*'
# It is dirty by what was changed, not by what was measured: else a run of `make bench` would make its own binaries stale.
MEASURES = ':!bench/results' ':!docs/benchmarks' ':!BENCHMARKS.md'
VERSION  = $(shell [ -e .git ] && v=$$($(GIT) describe --always --tags 2>/dev/null) || v=dev; \
	[ $$v = dev ] || $(GIT) diff --quiet HEAD -- . $(MEASURES) || v=$$v-dirty; echo $$v)

# Debian keeps nginx and HAProxy where not every user looks.
export PATH := $(PATH):/usr/sbin

LOGS    := bin/log
STAGES  := deps lint cross unit invariants race fuzz e2e
CLIENTS := internal/e2e/clients clients/js
# Every package but those with a stage of their own.
PKGS     = $$(go list ./... | grep -vE '/internal/(e2e|lint)(/|$$)')
FUZZERS  = go test -list '^Fuzz' $(PKGS) | \
	awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }'

# What a release is built for. internal/lint checks the types of our code on all of them; compiling from an empty cache
# takes about 50 s for each, so that `make test` does it for the one that is another system on another processor.
PLATFORMS := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
CROSS     ?= darwin-arm64
RELEASE   := bin/release
LDFLAGS    = -s -w -X resound/internal/config.version=$(VERSION)
# Files in archives have the time of the commit, so that the same commit and the same Go make the same bytes.
EPOCH      = $(shell [ -e .git ] && $(GIT) log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: help run build harness release test $(STAGES) soak vulns bench benchmarks clean
release test $(STAGES): SHELL := bash

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: build ## build the server and start it; needs Go and nothing else
	@exec bin/resound start $(ARGS)

build: ## build the static binary bin/resound
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/resound ./cmd/resound

harness: ## build the load harness bin/resound-bench; --help teaches it
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X resound/bench.version=$(VERSION)" -o bin/resound-bench ./cmd/resound-bench

release: ## archives for Linux and macOS in bin/release, with checksums; needs GNU tar
	@rm -rf $(RELEASE); set -euo pipefail; \
	for platform in $(PLATFORMS); do \
		name=resound-$(VERSION)-$$platform; mkdir -p $(RELEASE)/$$name; echo "$(RELEASE)/$$name.tar.gz"; \
		CGO_ENABLED=0 GOOS=$${platform%-*} GOARCH=$${platform#*-} \
			go build -trimpath -ldflags "$(LDFLAGS)" -o $(RELEASE)/$$name/resound ./cmd/resound; \
		cp -R LICENSE README.md CHANGELOG.md deploy docs $(RELEASE)/$$name; \
		tar -C $(RELEASE) --sort=name --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar -c $$name | \
			gzip -n -9 >$(RELEASE)/$$name.tar.gz; \
		rm -r $(RELEASE)/$$name; \
	done; \
	cd $(RELEASE); sha256sum *.tar.gz >SHA256SUMS

test: ## install what the tests need, then run all of them; stops at the first failure
	@rm -rf $(LOGS); begun=$$SECONDS; \
	for stage in $(STAGES); do \
		echo "==> $$stage"; start=$$SECONDS; \
		$(MAKE) --no-print-directory $$stage || { echo "==> $$stage FAILED after $$((SECONDS - start)) s"; exit 1; }; \
		echo "==> $$stage passed in $$((SECONDS - start)) s"; \
	done; \
	echo "==> all stages passed in $$((SECONDS - begun)) s"; \
	cat $(LOGS)/*.log | awk '/^ *--- PASS/ { p++ } /^ *--- FAIL/ { f++ } /^ *--- SKIP/ { s++ } \
		END { printf "%d passed, %d failed, %d skipped\n", p, f, s }'

# $(call gotest,log,arguments): a line for each package while it runs, and the
# whole story when one fails. The logs of all stages are counted by `make test`.
# Tests that are parallel wait for most of their time: four at once leave two
# processors something to do.
define gotest
@mkdir -p $(LOGS); set -o pipefail; \
go test -v -p 2 -parallel 4 $(TESTFLAGS) $(2) 2>&1 | tee $(LOGS)/$(1).log | awk '/^(ok|FAIL|panic:)[ \t]/ { print; fflush() }' || \
	{ grep -vE '^(PASS|ok|FAIL$$|\?)|^ *(=== |--- (PASS|SKIP))' $(LOGS)/$(1).log; exit 1; }
endef

lint: ## formatting, vet, staticcheck, the architecture's rules, go.mod
	@files=$$(find . -name node_modules -prune -o -name '*.go' -print | xargs gofmt -l); \
		[ -z "$$files" ] || { echo "not formatted, run gofmt -w on:"; echo "$$files"; exit 1; }
	@go vet ./... && go vet -tags invariants ./...
	@go tool staticcheck ./...
	@! golangci-lint version 2>/dev/null | grep -q 'version v*2' || golangci-lint run
	$(call gotest,lint,-count=1 ./internal/lint)
	@go mod verify >/dev/null
	@diff=$$(go mod tidy -diff 2>$(LOGS)/tidy.err) || [ -n "$$diff" ] || { echo "go mod tidy could not be checked:"; cat $(LOGS)/tidy.err; }; \
		[ -z "$$diff" ] || { echo "go.mod or go.sum is stale, run go mod tidy:"; echo "$$diff"; exit 1; }

cross: ## compile for another platform of a release
	@for platform in $(CROSS); do \
		CGO_ENABLED=0 GOOS=$${platform%-*} GOARCH=$${platform#*-} go build -trimpath -o /dev/null ./cmd/resound || exit 1; \
	done

unit: ## the tests beside the code
	$(call gotest,unit,$(PKGS))

invariants: ## the same in the build that checks itself and overwrites kept aliases; the harness has neither
	$(call gotest,invariants,-tags invariants $$(go list ./... | grep -vE '/(internal/(e2e|lint)|bench|cmd/resound-bench)(/|$$)'))

race: ## all tests under the race detector, -short: the heaviest leave it out. The longest begins first
	$(call gotest,race,-race -short ./internal/e2e $$(go list ./... | grep -vE '/internal/(e2e|lint)$$'))

fuzz: ## every fuzz target of the module: frames and commands for FUZZTIME, the others for OTHERS
	@mkdir -p $(LOGS); rm -f $(LOGS)/fuzz.log; set -o pipefail; \
	list=$$($(FUZZERS)) || { $(FUZZERS); exit 1; }; \
	[ -n "$$list" ] || echo "no package has a fuzz target"; \
	while read -r pkg name; do \
		[ -n "$$name" ] || continue; \
		case $$name in FuzzDecoder|FuzzParseCommand) time=$(FUZZTIME);; *) time=$(OTHERS);; esac; \
		echo "fuzz $$pkg $$name $$time"; \
		go test -v -run '^$$' -fuzz "^$$name\$$" -fuzztime $$time "$$pkg" </dev/null >$(LOGS)/fuzz.one 2>&1 || \
			{ cat $(LOGS)/fuzz.one; exit 1; }; \
		cat $(LOGS)/fuzz.one >>$(LOGS)/fuzz.log; tail -n 1 $(LOGS)/fuzz.one; \
	done <<<"$$list"

e2e: ## real clients and publishers against the built server
	$(if $(wildcard internal/e2e/*_test.go),,@echo "internal/e2e has no tests: nothing to run")
	$(if $(wildcard internal/e2e/*_test.go),$(call gotest,e2e,-count=1 -timeout 10m ./internal/e2e/...))

soak: ## all that happens to a server, for DURATION (10m): loss, order, lists and leaks are looked at throughout
	go test ./internal/e2e -count=1 -v -run '^TestSoak$$' -timeout 0 -soak=$(DURATION) -soak-seed=$(SEED)

# Its database is on the internet, so no other target needs this one.
vulns: ## known vulnerabilities in what the server is made of; needs the database of govulncheck, or VULNDB=file:///a/copy
	@out=$$(go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db $(VULNDB)) ./... 2>&1); code=$$?; echo "$$out"; \
	case $$out in *"fetching vulnerabilities"*) echo "NOT CHECKED: the database cannot be reached from here"; exit 2;; esac; exit $$code

# The runs that BENCHMARKS.md reports, on two cores: the server has one, the load the other. run-NAME is a run of the harness, which
# becomes bench/results/NAME.json, and go-NAME a command whose output becomes NAME.txt. NICE below 0 puts servers and load before other processes, for root.
NICE    ?= 0
ROUNDS  ?= 11
HARNESS := bin/resound-bench
RESULTS := bench/results
FANOUT   = fanout --nice=$(NICE) --rounds $(ROUNDS)

run-fanout-100                   = $(FANOUT) --sockets 100
run-fanout-1000                  = $(FANOUT) --sockets 1000
run-fanout-10000                 = $(FANOUT) --sockets 10000
run-fanout-19000                 = $(FANOUT) --sockets 19000
run-fanout-1000-window-16        = $(FANOUT) --sockets 1000 --window 16
run-fanout-10000-window-16       = $(FANOUT) --sockets 10000 --window 16
run-fanout-channels              = $(FANOUT) --sockets 10000 --channels 1,1000
run-fanout-channels-window-16    = $(FANOUT) --sockets 10000 --channels 1000 --window 16
run-memory                       = memory --nice=$(NICE)
run-publish                      = publish --nice=$(NICE)
run-connect                      = connect --nice=$(NICE)
run-slow                         = slow --nice=$(NICE)
run-idle                         = idle --nice=$(NICE) --warm 5s
run-steady                       = steady --nice=$(NICE) --duration 10s
run-table                        = table --nice=$(NICE) --duration 10s
run-presence                     = presence --nice=$(NICE) --duration 10s
run-whisper                      = whisper --nice=$(NICE) --duration 10s
run-replay                       = replay --nice=$(NICE) --duration 10s
run-cluster-cost                 = cluster cost --nice=$(NICE) --rounds $(ROUNDS)
run-cluster-fanout               = cluster fanout --nice=$(NICE) --rounds $(ROUNDS)
run-cluster-crash                = cluster crash --nice=$(NICE)
run-calibrate                    = calibrate --nice=$(NICE)
run-verify                       = plan --verify --nice=$(NICE) --model $(RESULTS)/calibrate.json

go-persist-append = GOMAXPROCS=1 taskset -c 0 go test ./persist -run NONE -bench Append -benchtime 200000x
go-persist-since  = GOMAXPROCS=1 taskset -c 0 go test ./persist -run NONE -bench Since -benchtime 2000x
go-deflate        = GOMAXPROCS=1 taskset -c 0 go test ./protocol -run NONE -bench flate -benchtime 5000x
go-deflate-fanout = taskset -c 1 go test ./internal/e2e -run NONE -bench DeflateFanout -benchtime 20x
go-replay-fanout  = taskset -c 1 go test ./internal/e2e -run NONE -bench ReplayFanout -benchtime 40x
go-replay-publish = taskset -c 1 go test ./internal/e2e -run NONE -bench ReplayPublish -benchtime 150000x
go-replay-storm   = taskset -c 1 go test ./internal/e2e -run NONE -bench ReplayStorm -benchtime 8000x
go-replay-at-once = go test ./internal/e2e -count=1 -run TestStorm -v
go-door           = taskset -c 1 go test ./internal/e2e -run NONE -bench Door -benchtime 10x

# In the order of their names; verify needs calibrate.
MEASURED = $(patsubst run-%,$(RESULTS)/%.json,$(sort $(filter run-%,$(.VARIABLES)))) $(patsubst go-%,$(RESULTS)/%.txt,$(sort $(filter go-%,$(.VARIABLES))))

bench: build harness ## measure what BENCHMARKS.md reports, and write it; goes on where it was stopped, FORCE=1 begins anew
	@cksum bin/resound $(HARNESS) >bin/binaries.new; cmp -s bin/binaries.new bin/binaries || cp bin/binaries.new bin/binaries
	@for result in $(MEASURED); do $(MAKE) --no-print-directory $$result || exit 1; done
	@$(MAKE) --no-print-directory benchmarks

# bin/binaries changes when the binaries do: make measures again what is older.
$(RESULTS)/%.json: bin/binaries $(if $(FORCE),again)
	@mkdir -p $(@D)
	$(HARNESS) $(run-$*) --json $@

$(RESULTS)/%.txt: bin/binaries $(if $(FORCE),again)
	@mkdir -p $(@D)
	@echo '$$ $(go-$*)' | tee $@.part
	@$(go-$*) >>$@.part 2>&1 || { cat $@.part; rm $@.part; exit 1; }
	@mv $@.part $@

.DELETE_ON_ERROR:
.PHONY: again

benchmarks: harness ## write BENCHMARKS.md and its plots out of what is saved in bench/results
	$(HARNESS) report --benchmarks

deps: ## what the tests need besides Go: a C compiler, proxies, Redis, shells, Chromium, Node and its packages
	@need=; \
	has() { command -v "$$1" >/dev/null; }; \
	has gcc || need="$$need gcc libc6-dev"; \
	has nginx || need="$$need nginx"; \
	has haproxy || need="$$need haproxy"; \
	has redis-server || need="$$need redis-server"; \
	has zsh || need="$$need zsh"; \
	has fish || need="$$need fish"; \
	has promtool || need="$$need prometheus"; \
	has groff || need="$$need groff-base"; \
	has chromium || need="$$need chromium"; \
	has npm && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || need="$$need nodejs npm"; \
	if [ -n "$$need" ]; then \
		has apt-get && [ "$$(id -u)" = 0 ] || { echo "the tests need these Debian packages, please install:$$need"; exit 1; }; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -q && apt-get install -qy --no-install-recommends $$need; \
	fi
	@for dir in $(CLIENTS); do ( \
		cd $$dir 2>/dev/null || exit 0; \
		[ ! package-lock.json -nt node_modules/.package-lock.json ] || npm ci --no-audit --no-fund \
	) || exit 1; done

clean: ## remove what was built; the data of `make run` stays
	rm -rf bin $(addsuffix /node_modules,$(CLIENTS))
