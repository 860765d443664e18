package txn

import (
	"errors"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// arbitrary makes a history of bytes: anything a recorder could write, and much that none should.
func arbitrary(data []byte) []history.Op {
	var ops []history.Op
	next := func() int64 {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int64(b)
	}
	keys := []string{"x", "y", "", "z"}
	for len(data) > 0 && len(ops) < 40 {
		call := time.Duration(next())
		op := history.Op{
			Client: int(next() % 5), Kind: history.Txn, Call: call, Return: call + time.Duration(next()%50) - 1, Outcome: history.Outcome(next() % 5),
			Isolation: []string{"", "none", "repeatable read", "serializable", "strict serializable", "chaos"}[next()%6], Standby: next()%7 == 0, Timeline: pg.Timeline(next() % 4),
		}
		for range next() % 5 {
			a := history.Access{Key: keys[next()%4], Write: next()%2 == 0}
			switch next() % 3 {
			case 0:
				a.Value = next() % 16
			case 1:
				a.Value, a.Version = next()%16, next()%8-1
			default:
				for range next() % 6 {
					a.List = append(a.List, next()%16)
				}
			}
			op.Txn = append(op.Txn, a)
		}
		ops = append(ops, op)
	}
	return ops
}

// FuzzAnalyze: whatever the history, the answer is a report whose cycles are cycles, or a refusal that names the operation.
func FuzzAnalyze(f *testing.F) {
	f.Add([]byte("a history of one transaction or two, perhaps of three"))
	f.Add([]byte{0, 0, 10, 1, 3, 1, 2, 0, 0, 0, 1, 0, 1, 1, 0, 1, 10, 1, 3, 1, 2, 0, 1, 2, 1, 1, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		ops := arbitrary(data)
		report, err := Analyze(ops, Options{RealTime: true})
		var malformed *Malformed
		switch {
		case errors.As(err, &malformed):
			if malformed.Op < 0 || malformed.Op >= len(ops) || malformed.Why == "" {
				t.Errorf("%+v", malformed)
			}
		case err != nil:
			t.Errorf("an error of another kind: %v", err)
		default:
			for _, g := range report.Groups {
				checkExamples(t, ops, g)
			}
		}
	})
}
