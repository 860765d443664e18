package workload

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// kept are samples in memory.
type kept struct {
	began time.Time
	mu    sync.Mutex
	all   map[string][]history.Sample
	came  chan struct{}
}

func (k *kept) Now() time.Duration { return time.Since(k.began) }

func (k *kept) Sample(s history.Sample) {
	k.mu.Lock()
	k.all[s.Node] = append(k.all[s.Node], s)
	k.mu.Unlock()
	k.came <- struct{}{}
}

func (k *kept) of(node string) []history.Sample {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[node]
}

// A node that accepts connections and then says nothing, one that hangs later, one that refuses, one that is well.
func TestSamplerIsHeldUpByNobody(t *testing.T) {
	thaw := make(chan struct{})
	well := func(answers int, then func(*fakeConn)) func(*fakeConn) {
		return func(c *fakeConn) {
			c.welcome()
			c.until()
			c.say(&pgproto3.ParseComplete{}, &pgproto3.ParameterDescription{}, probeFields(), ready)
			for range answers {
				if !c.until() {
					return
				}
				c.say(&pgproto3.BindComplete{}, probeFields(), row("f", "t", "3", "0/3000060", "0/3000060"), tag("SELECT 1"), ready)
			}
			then(c)
		}
	}
	servers := map[string]func(*fakeConn){
		"well": well(1e6, func(*fakeConn) {}), "silent": (*fakeConn).silence, "closed": func(*fakeConn) {},
		"frozen": well(3, func(c *fakeConn) {
			c.until()
			<-thaw
			c.say(&pgproto3.BindComplete{}, probeFields(), row("t", "f", "2", "0/10", "0/20"), tag("SELECT 1"), ready)
			c.silence()
		}),
	}
	to := &kept{began: time.Now(), all: map[string][]history.Sample{}, came: make(chan struct{}, 1000)}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	var running sync.WaitGroup
	for name, play := range servers {
		p := Sampler{Every: 20 * time.Millisecond, Timeout: 2 * time.Second}.probe(name, serve(t, play), to)
		running.Go(func() { p.run(ctx) })
	}
	seen := func(enough func() bool) {
		t.Helper()
		for !enough() {
			select {
			case <-to.came:
			case <-ctx.Done():
				t.Fatal("the samples never came")
			}
		}
	}
	seen(func() bool {
		return len(to.of("well")) > 20 && len(to.of("silent")) > 5 && len(to.of("closed")) > 10 && len(to.of("frozen")) > 8
	})
	before := len(to.of("frozen"))
	close(thaw)
	seen(func() bool { all := to.of("frozen"); return len(all) > before+1 })
	cancel()
	running.Wait()

	for _, s := range to.of("well") {
		if s.Up && (!s.Writable || s.InRecovery || s.Timeline != 3 || s.Write != 0x3000060) {
			t.Errorf("well: %+v", s)
		}
	}
	for _, name := range []string{"silent", "closed"} {
		for _, s := range to.of(name) {
			if s.Up || s.Err == "" || s.Writable {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
	late := 0
	for i, s := range to.of("frozen") {
		if i > 3 && s.Up && s.InRecovery && !s.Writable && s.Timeline == 2 && s.Replay == 0x20 && s.Took > 60*time.Millisecond {
			late++
		}
	}
	if late != 1 {
		t.Errorf("the answer after the thaw was recorded %d times, want once: %+v", late, to.of("frozen"))
	}
}

func probeFields() pgproto3.BackendMessage {
	oids := []uint32{pgtype.BoolOID, pgtype.BoolOID, pgtype.Int4OID, pgtype.TextOID, pgtype.TextOID}
	description := &pgproto3.RowDescription{}
	for _, oid := range oids {
		description.Fields = append(description.Fields, pgproto3.FieldDescription{Name: []byte("f"), DataTypeOID: oid, DataTypeSize: -1})
	}
	return description
}
