package selftest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
	"github.com/pgcrucible/pgcrucible/harness/workload"
)

const (
	benchClients = 8
	benchRounds  = 3               // of one iteration: all three contenders have gone first
	benchRound   = 2 * time.Second // of each of the three in a round
)

// BenchmarkLoad compares the ledger, which records, with a plain pgx loop, which does not, and with pgbench: the same server,
// the same insert, the same number of clients, unpaced. The three take turns, in another order each round, because what
// the machine does besides changes from minute to minute; the ratios are medians over the rounds.
func BenchmarkLoad(b *testing.B) {
	pair := benchPair(b)
	node := pair.Nodes()[0]
	if err := (workload.Ledger{}).Prepare(b.Context(), pair); err != nil {
		b.Fatal(err)
	}
	contenders := map[string]func() (float64, error){
		"ledger":  func() (float64, error) { return ledgerRate(b, pair) },
		"pgx":     func() (float64, error) { return plainRate(b.Context(), node) },
		"pgbench": func() (float64, error) { return pgbenchRate(b.Context(), node) },
	}
	names := []string{"ledger", "pgx", "pgbench"}
	rates := map[string][]float64{}
	for b.Loop() {
		for round := range benchRounds {
			for i := range names {
				name := names[(round+i)%len(names)]
				rate, err := contenders[name]()
				if err != nil {
					b.Fatalf("%s: %v", name, err)
				}
				rates[name] = append(rates[name], rate)
			}
		}
	}
	b.ReportMetric(medianRate(rates["ledger"]), "ledger-inserts/s")
	b.ReportMetric(ratio(rates["ledger"], rates["pgx"]), "ledger/pgx")
	b.ReportMetric(ratio(rates["ledger"], rates["pgbench"]), "ledger/pgbench")
	b.ReportMetric(ratio(rates["pgx"], rates["pgbench"]), "pgx/pgbench")
}

func benchPair(b *testing.B) *cluster.Cluster {
	ctx := b.Context()
	settings, err := flags.Read(os.Getenv)
	if err != nil {
		b.Fatal(err)
	}
	images, err := image.Prepare(ctx, image.Want{Version: settings.Version, Image: settings.Image}, func(line string) { b.Log(line) })
	if err != nil {
		b.Fatal(err)
	}
	mine, err := session.Open(ctx, images.Sandbox)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = mine.Close(context.WithoutCancel(ctx)) })
	to, err := history.Create(filepath.Join(b.TempDir(), "pair"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = to.Close() })
	pair, err := cluster.Start(ctx, cluster.Config{
		Topology: cluster.Pair(cluster.Async), Image: images.Postgres, Sandbox: images.Sandbox, Labels: mine.Labels(), Recorder: to, Log: func(string) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pair.Close(context.WithoutCancel(ctx)) })
	return pair
}

// ledgerRate is acknowledged inserts a second of the recording ledger.
func ledgerRate(b *testing.B, pair *cluster.Cluster) (float64, error) {
	to, err := history.Create(filepath.Join(b.TempDir(), "record"))
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(b.Context(), benchRound)
	defer cancel()
	if err := (workload.Ledger{Clients: benchClients}).Run(ctx, pair, to); err != nil {
		return 0, err
	}
	if err := to.Manifest(history.Manifest{Format: 1}); err != nil {
		return 0, err
	}
	if err := to.Close(); err != nil {
		return 0, err
	}
	run, err := history.Load(to.Dir())
	if err != nil {
		return 0, err
	}
	acked := run.Acknowledged()
	if len(acked) < 2 || len(acked) != len(run.Ops) {
		return 0, fmt.Errorf("%d of %d inserts were acknowledged", len(acked), len(run.Ops))
	}
	// From when the last client had its connection: the others do not measure theirs either.
	began := map[int]time.Duration{}
	for _, op := range run.Ops {
		if before, ok := began[op.Client]; !ok || op.Call < before {
			began[op.Client] = op.Call
		}
	}
	from := slices.Max(slices.Collect(maps.Values(began)))
	n := 0
	for _, op := range acked {
		if op.Return > from {
			n++
		}
	}
	return float64(n) / (acked[len(acked)-1].Return - from).Seconds(), nil
}

// plainRate is the same with nothing but pgx.
func plainRate(ctx context.Context, node *cluster.Node) (float64, error) {
	conns := make([]*pgx.Conn, benchClients)
	for i := range conns {
		conn, err := node.Connect(ctx, cluster.App)
		if err != nil {
			return 0, err
		}
		defer conn.Close(ctx)
		if _, err := conn.Prepare(ctx, "plain", workload.LedgerInsert); err != nil {
			return 0, err
		}
		conns[i] = conn
	}
	errs := make([]error, benchClients)
	var inserted atomic.Int64
	var clients sync.WaitGroup
	began := time.Now()
	prefix := strconv.FormatInt(began.UnixNano(), 36) + "-"
	for i, conn := range conns {
		clients.Go(func() {
			own := prefix + strconv.Itoa(i) + "-"
			n := 0
			for ; time.Since(began) < benchRound && errs[i] == nil; n++ {
				var timeline int32
				var lsn string
				errs[i] = conn.QueryRow(ctx, "plain", own+strconv.Itoa(n), i, n).Scan(&timeline, &lsn)
			}
			inserted.Add(int64(n))
		})
	}
	clients.Wait()
	rate := float64(inserted.Load()) / time.Since(began).Seconds()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return rate, nil
}

// pgbenchScript is the ledger's insert with pgbench's variables.
var pgbenchScript = `\set seq random(1, 2000000000)
` + regexp.MustCompile(`\$[123]`).ReplaceAllStringFunc(workload.LedgerInsert, func(parameter string) string {
	return map[string]string{"$1": "'b' || :client_id::int::text || '-' || clock_timestamp()::text || :seq::int::text", "$2": ":client_id::int", "$3": ":seq::int"}[parameter]
}) + ";\n"

// tps is how pgbench sums up.
var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbenchRate runs pgbench in the node, over TCP as the others do.
func pgbenchRate(ctx context.Context, node *cluster.Node) (float64, error) {
	config, err := pgx.ParseConfig(node.DSN(cluster.App))
	if err != nil {
		return 0, err
	}
	const script, pass = "/pg/bench.sql", "/pg/bench.pass"
	if err := node.WriteFile(ctx, script, []byte(pgbenchScript)); err != nil {
		return 0, err
	}
	if err := node.WriteFile(ctx, pass, []byte("*:*:*:*:"+config.Password+"\n")); err != nil {
		return 0, err
	}
	text, err := node.Shell(ctx, `PGPASSFILE=$5 pgbench -n -M prepared -c "$1" -j 2 -T "$2" -f "$3" -h "$4" -U app app`,
		strconv.Itoa(benchClients), strconv.Itoa(int(benchRound.Seconds())), script, node.Address(), pass)
	if err != nil {
		return 0, err
	}
	found := tps.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("no rate in what pgbench said: %s", text)
	}
	return strconv.ParseFloat(found[1], 64)
}

func medianRate(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// ratio is the median of the ratios of each round.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return medianRate(ratios)
}
