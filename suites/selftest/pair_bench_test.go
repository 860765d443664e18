package selftest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
)

//go:embed testdata/floor.sh
var floorScript string

// BenchmarkPair is the time until a pair is ready, that is until a marker row written on the primary is read on the standby, as a
// ratio to what plain shell over the docker client needs for the same. The two alternate in one run, because only the
// ratio means something on a machine that does other things too. Taking down is measured by neither.
//
// The template image is made before the clock starts: it is there for all but the first run on a machine.
func BenchmarkPair(b *testing.B) {
	if _, err := exec.LookPath("docker"); err != nil {
		b.Skip("the floor needs the docker client: ", err)
	}
	given, err := flags.Read(os.Getenv)
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	ready, err := image.Prepare(ctx, image.Want{Version: given.Version, Image: given.Image}, func(line string) { b.Log(line) })
	if err != nil {
		b.Fatal(err)
	}
	marks, err := session.Open(ctx, ready.Sandbox)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		clean, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		if err := marks.Close(clean); err != nil {
			b.Error(err)
		}
	})
	topology := cluster.Pair(cluster.Sync)
	topology.Rows = given.Rows
	config := cluster.Config{Topology: topology, Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: marks.Labels()}
	pairSeconds(b, config) // makes the template

	var pairs, floors []float64
	for b.Loop() {
		floors = append(floors, floorSeconds(b, ready.Postgres, len(floors)))
		pairs = append(pairs, pairSeconds(b, config))
	}
	b.ReportMetric(median(pairs), "s/pair")
	b.ReportMetric(median(floors), "s/floor")
	b.ReportMetric(median(pairs)/median(floors), "pair/floor")
}

func pairSeconds(b *testing.B, config cluster.Config) float64 {
	b.Helper()
	begin := time.Now()
	pair, err := cluster.Start(b.Context(), config)
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	if err := pair.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return took.Seconds()
}

func floorSeconds(b *testing.B, image string, number int) float64 {
	b.Helper()
	name := fmt.Sprintf("pgcrucible-floor-%d-%d", os.Getpid(), number)
	command := exec.CommandContext(b.Context(), "sh", "-c", floorScript, "floor.sh", image, name, session.Label+"=true")
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		b.Fatalf("floor: %v: %s", err, errs.String())
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
