# Every target is one command and needs nothing before it. Settings are make variables, for example: make drill SCENARIO=kill-primary RUNS=3
# (make itself ends with status 2 whenever a command fails; the front's own 0, 1 or 2 is printed, and is what .bin/failover.test ends with)

SETTINGS := VERSION IMAGE COMMIT SCENARIO PROCEDURE RUNS SEED RATE CLIENTS ROWS BACKLOG CHECKSUMS MIN_BEFORE KEEP OUT
$(foreach s,$(SETTINGS),$(if $($(s)),$(eval export PGCRUCIBLE_$(s) := $($(s)))))

GO ?= go
BIN := .bin
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
UNIT = $(shell $(GO) list ./... | grep -v /suites/selftest | grep -v /suites/failover)

.DEFAULT_GOAL := help
.PHONY: help drill test unit selftest failover test-long faults heal recheck export render compare bench sweep calibrate \
	bench-pair bench-load bench-faults bench-check bench-report check-long pages golden lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

drill: ## play every scenario, print the verdicts, leave out/
	@mkdir -p $(BIN)
	@$(GO) test -c -o $(BIN)/failover.test ./suites/failover
	@[ -t 1 ] || plain=-ginkgo.no-color; cd suites/failover && ../../$(BIN)/failover.test -test.timeout=0 -ginkgo.succinct $$plain

test: unit selftest failover ## unit tests, the self-test suite and the drill's scenarios

unit: ## unit tests, with the race detector
	$(GO) vet ./...
	$(GO) test -race $(UNIT)

selftest: ## who tests the tester: faults bite, verdicts can fail, nothing is left behind
	$(GO) test -v -race -count=1 -timeout=40m ./suites/selftest -ginkgo.label-filter='!long' -ginkgo.no-color

failover: ## the drill's scenarios as a test
	$(GO) test -v -race -count=1 -timeout=40m ./suites/failover -ginkgo.no-color

test-long: ## what a night has time for: forty pairs of faults and more
	$(GO) test -race -count=1 -timeout=4h ./suites/selftest -ginkgo.label-filter=long

faults: ## what faults there are, what this machine supports, by which mechanism, and why not
	@$(GO) run ./fault/faults

heal: ## take back the faults of runs that died
	@$(GO) run ./fault/heal

recheck: ## judge a recorded run again and compare byte for byte: make recheck RUN=out/<run>
	@$(GO) run ./harness/check/recheck "$(RUN)"

export: ## a run's transactions in Jepsen's shape, for elle-cli: make export RUN=out/<run>
	@$(GO) run ./harness/check/export "$(RUN)"

render: ## judge the runs in OUT again and write all reports anew: make render OUT=out EARLIER="old/report.json"
	@$(GO) run ./reports/render -bench $(foreach e,$(EARLIER),-earlier $(e)) $(or $(OUT),out)

compare: ## what became slower: make compare OLD=old/report.json NEW=out FAIL_ON=regression
	@$(GO) run ./reports/compare $(if $(FAIL_ON),-fail-on $(FAIL_ON)) $(OLD) $(NEW)

bench: ## repetitions, each phase as median with its interval: make bench RUNS=20 SCENARIO=kill-primary
	@$(MAKE) --no-print-directory drill RUNS=$(or $(RUNS),20) SCENARIO=$(or $(SCENARIO),kill-primary)
	@$(GO) run ./reports/render -bench $(or $(OUT),out)

sweep: ## one bench a value: make sweep SWEEP=ROWS VALUES="0 100000 1000000" SCENARIO=kill-primary,rewind-refused RUNS=5
	@for v in $(VALUES); do $(MAKE) --no-print-directory drill $(SWEEP)=$$v RUNS=$(or $(RUNS),5) OUT=$(or $(OUT),out)/sweep/$$v || true; done
	@$(GO) run ./reports/render -bench $(or $(OUT),out)/sweep

bench-pair: ## a pair made ready, against the same in plain shell
	$(GO) test ./suites/selftest -run '^$$' -bench Pair -benchtime 5x -timeout 30m

bench-load: ## the ledger with its record, against a plain pgx loop and pgbench
	$(GO) test ./suites/selftest -run '^$$' -bench Load -benchtime 5x -timeout 30m

bench-faults: ## a cut's time from injection to effect inside the node, its start and end in the record, and what the package costs
	$(GO) test -v -count=1 -timeout 30m ./suites/selftest -ginkgo.label-filter=figures

calibrate: ## outages of known length, 0.2 s to 10 s, against the measured ones
	PGCRUCIBLE_CALIBRATION=1 $(GO) test -v -count=1 -timeout 30m ./suites/selftest -ginkgo.label-filter=calibration

bench-check: ## how fast verdicts are made: a million tokens, a million transactions, a million register operations
	$(GO) test ./harness/check/... -run '^$$' -bench . -benchtime 3x -timeout 30m
	$(GO) test ./harness/history -run '^$$' -bench Load -benchtime 3x -timeout 30m

bench-report: ## reports of a run of 1,000,000 operations: seconds and size of the page
	$(GO) test ./reports -run '^$$' -bench Million -benchtime 3x

check-long: ## the checkers against simulated histories of a million transactions in each mode, and 20,000 reference comparisons
	$(GO) test ./harness/check/sim -run 'TestCleanHistories|TestFailover' -timeout 60m -sim.txns 1000000 -sim.failovers 2000
	$(GO) test ./harness/check -run 'TestSimulatedClean' -timeout 60m -check.ops 1000000
	$(GO) test ./harness/check/txn -run 'TestAgainstReference' -timeout 60m -txn.seeds 20000

pages: ## open the reports in a real browser (Debian: apt-get install chromium); pictures in out/screenshots
	$(GO) test -count=1 -run Pages -v ./reports

golden: ## write the golden files of the reports anew (look at the diff before committing)
	$(GO) test ./reports -run Golden -update

lint: ## the linter that holds the architecture
	$(LINT) run ./...

clean: ## remove out/, built programs, and what kept or killed runs left on the engine
	rm -rf out $(BIN)
	@$(GO) run ./harness/session/clean
