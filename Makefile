# Every target is one command and needs nothing before it. Settings are make variables, for example: make drill SCENARIO=kill-primary RUNS=3
# (make itself ends with status 2 whenever a command fails; the front's own 0, 1 or 2 is printed, and is what .bin/failover.test ends with)

SETTINGS := VERSION IMAGE COMMIT SCENARIO RUNS SEED RATE CLIENTS ROWS MIN_BEFORE KEEP OUT
$(foreach s,$(SETTINGS),$(if $($(s)),$(eval export PGCRUCIBLE_$(s) := $($(s)))))

GO ?= go
BIN := .bin
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
UNIT = $(shell $(GO) list ./... | grep -v /suites/selftest | grep -v /suites/failover)

.DEFAULT_GOAL := help
.PHONY: help drill test unit selftest failover bench-check recheck lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

drill: ## play every scenario, print the verdicts, leave out/
	@mkdir -p $(BIN)
	@$(GO) test -c -o $(BIN)/failover.test ./suites/failover
	@cd suites/failover && ../../$(BIN)/failover.test -test.timeout=0 -ginkgo.succinct

test: unit selftest failover ## unit tests, the self-test suite and the drill's scenarios

unit: ## unit tests, with the race detector
	$(GO) vet ./...
	$(GO) test -race $(UNIT)

selftest: ## who tests the tester: faults bite, verdicts can fail, nothing is left behind
	$(GO) test -race -count=1 -timeout=40m ./suites/selftest

failover: ## the drill's scenarios as a test
	$(GO) test -race -count=1 -timeout=40m ./suites/failover

bench-check: ## how fast verdicts are made: a ledger of a million tokens
	$(GO) test ./harness/check/... -run '^$$' -bench . -benchtime 3x

recheck: ## judge a recorded run again and compare byte for byte: make recheck RUN=out/<run>
	@$(GO) run ./harness/check/recheck "$(RUN)"

lint: ## the linter that holds the architecture
	$(LINT) run ./...

clean: ## remove out/, built programs, and what kept or killed runs left on the engine
	rm -rf out $(BIN)
