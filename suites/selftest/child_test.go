package selftest

import (
	"fmt"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// By these variables the suite's program becomes a child that builds a pair, records, and ends in a certain way.
const (
	childEnds = "PGCRUCIBLE_SELFTEST_CHILD_ENDS"
	childDir  = "PGCRUCIBLE_SELFTEST_CHILD_DIR"
	childDisk = "PGCRUCIBLE_SELFTEST_CHILD_DISK" // of its pair's nodes
)

// ending is how the child ends.
type ending string

const (
	bySuccess ending = "success"
	byFailure ending = "failure"
	byPanic   ending = "panic"
	byCrash   ending = "crash"  // a panic outside the spec, which nobody catches
	bySignal  ending = "signal" // the parent sends one
)

// childFlush is how often the child flushes its record, and childRecords how much it records between two flushes.
const (
	childFlush   = 20 * time.Millisecond
	childRecords = 50
)

// What the child says to its parent begins on a new line, for Ginkgo writes dots.
//
// The child is a spec like any other: what it leaves behind is what a user's own suite leaves behind.
var _ = Describe("the child of a clean-up spec", Label("child"), func() {
	how := ending(os.Getenv(childEnds))
	if how == "" {
		return
	}
	It("builds a pair and ends by "+string(how), func(ctx SpecContext) {
		fmt.Printf("\nchild session %s\n", ours.ID())
		topology := cluster.Pair(cluster.Async)
		topology.Disk = cluster.Disk(os.Getenv(childDisk))
		pair, recorder := startPairIn(ctx, topology, os.Getenv(childDir))
		for _, node := range pair.Nodes() {
			if device, err := node.Disk(ctx, "device"); err == nil {
				fmt.Printf("\nchild disk %s\n", device)
			}
		}
		if err := recorder.Manifest(history.Manifest{Scenario: "child"}); err != nil {
			Fail(err.Error())
		}
		tick := time.NewTicker(childFlush)
		defer tick.Stop()
		for seq := 0; ; seq += childRecords {
			recordSome(recorder, seq)
			fmt.Printf("\nchild flushed %d\n", seq+childRecords)
			if how != bySignal && seq >= 10*childRecords {
				end(how)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}, SpecTimeout(specTimeout))
})

func recordSome(recorder *history.Recorder, seq int) {
	for i := range childRecords {
		now := recorder.Now()
		recorder.Op(history.Op{
			Seq: seq + i, Kind: history.Append, Token: fmt.Sprint("t", seq+i), Outcome: history.OK, Scheduled: now, Call: now, Return: now,
		})
	}
	if err := recorder.Flush(); err != nil {
		Fail(err.Error())
	}
}

func end(how ending) {
	switch how {
	case byFailure:
		Fail("asked to fail")
	case byPanic:
		panic("asked to panic")
	case byCrash:
		go panic("asked to crash")
		select {}
	}
}
