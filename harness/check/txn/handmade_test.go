package txn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// parse reads a history in a short form, one transaction a line:
//
//	CLIENT CALL-RETURN OUTCOME [@LEVEL] [~standby] [tN] : ACCESS; ACCESS
//
// Times are milliseconds. Accesses: "a x 1" appends, "r x 1 2" read a list, "w x 5 1" wrote 5 as version 1, "g x 5 1" read it.
func parse(t testing.TB, text string) []history.Op {
	t.Helper()
	var ops []history.Op
	seqs := map[int]int{}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		op, err := parseLine(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seqs[op.Client]++
		op.Seq = seqs[op.Client]
		ops = append(ops, op)
	}
	return ops
}

func parseLine(line string) (history.Op, error) {
	head, body, _ := strings.Cut(line, ":")
	fields := strings.Fields(head)
	op := history.Op{Kind: history.Txn, Node: "pg1"}
	if len(fields) < 3 {
		return op, fmt.Errorf("want client, times, outcome")
	}
	op.Client, _ = strconv.Atoi(fields[0])
	from, to, _ := strings.Cut(fields[1], "-")
	call, _ := strconv.Atoi(from)
	end, _ := strconv.Atoi(to)
	op.Call, op.Return = time.Duration(call)*time.Millisecond, time.Duration(end)*time.Millisecond
	if err := op.Outcome.UnmarshalText([]byte(fields[2])); err != nil {
		return op, err
	}
	for _, option := range fields[3:] {
		switch {
		case option == "~standby":
			op.Standby, op.Node = true, "pg2"
		case option[0] == '@':
			op.Isolation = map[string]string{"@none": "none", "@rc": "read committed", "@rr": "repeatable read", "@ser": "serializable", "@strict": "strict serializable"}[option]
		case option[0] == 't':
			n, _ := strconv.Atoi(option[1:])
			op.Timeline = pg.Timeline(n)
		}
	}
	for access := range strings.SplitSeq(body, ";") {
		if words := strings.Fields(access); len(words) > 1 {
			op.Txn = append(op.Txn, parseAccess(words))
		}
	}
	return op, nil
}

func parseAccess(words []string) history.Access {
	a := history.Access{Key: words[1]}
	var numbers []int64
	for _, word := range words[2:] {
		n, _ := strconv.ParseInt(word, 10, 64)
		numbers = append(numbers, n)
	}
	switch words[0] {
	case "a":
		a.Write, a.Value = true, numbers[0]
	case "r":
		a.List = numbers
	case "w", "g":
		a.Write = words[0] == "w"
		if len(numbers) > 0 {
			a.Value = numbers[0]
		}
		if len(numbers) > 1 {
			a.Version = numbers[1]
		}
	}
	return a
}

// handmade histories: each must be called by exactly the names in want, and be an error or not at its level.
var handmade = []struct {
	name  string
	level string // of every line that has none of its own
	text  string
	want  []Anomaly
	bad   bool
}{
	// nothing wrong
	{"nothing", "@ser", ``, nil, false},
	{"one append", "@ser", `1 0-10 ok: a x 1`, nil, false},
	{"append and read", "@strict", "1 0-10 ok: a x 1\n1 20-30 ok: r x 1", nil, false},
	{"one after the other", "@strict", "1 0-10 ok: a x 1; a y 2\n2 20-30 ok: r x 1; r y 2; a x 3\n1 40-50 ok: r x 1 3; r y 2", nil, false},
	{"own appends are seen", "@strict", "1 0-10 ok: a x 1; r x 1; a x 2; r x 1 2\n1 20-30 ok: r x 1 2", nil, false},
	{"a failed append stays away", "@strict", "1 0-10 failed: a x 1\n2 20-30 ok: a x 2\n1 40-50 ok: r x 2", nil, false},
	{"an unknown append stays away", "@strict", "1 0-10 unknown: a x 1\n1 20-30 ok: r x", nil, false},
	{"an unknown append is seen", "@strict", "1 0-10 unknown: a x 1\n1 20-30 ok: r x 1\n1 40-50 ok: r x 1", nil, false},
	{"an unknown append arrives late", "@strict", "1 0-10 unknown: a x 1\n1 20-30 ok: r x\n1 40-50 ok: r x 1", nil, false},
	{"a local-only append is seen", "@strict", "1 0-10 local-only: a x 1\n2 20-30 ok: r x 1", nil, false},
	{"concurrent reads disagree in time", "@strict", "1 0-100 ok: a x 1\n2 10-20 ok: r x 1\n3 10-20 ok: r x", nil, false},
	{"register", "@strict", "1 0-10 ok: g x\n1 20-30 ok: w x 7 1\n2 40-50 ok: g x 7 1; w x 8 2\n1 60-70 ok: g x 8 2", nil, false},
	{"register without versions", "@strict", "1 0-10 ok: w x 7\n1 20-30 ok: g x 7", nil, false},
	{"register written in one statement order", "@strict", "1 0-10 ok: w x 7 1; w y 8 1\n2 20-30 ok: g y 8 1; g x 7 1", nil, false},
	{"unread append after the last read", "@strict", "1 0-10 ok: a x 1\n1 20-30 ok: r x 1\n1 40-50 ok: a x 2", nil, false},
	{"a stale standby", "@strict", "1 0-10 ok: a x 1\n2 20-30 ok ~standby: r x\n2 40-50 ok ~standby: r x 1", nil, false},
	{"a standby shows a commit early", "@strict", "1 0-100 ok: a x 1\n2 20-30 ok ~standby: r x 1\n3 40-50 ok: r x\n4 200-210 ok: r x 1", nil, false},

	// read by itself
	{"aborted read", "@rc", "1 0-10 failed: a x 1\n2 20-30 ok: r x 1", []Anomaly{G1a}, true},
	{"aborted read without isolation", "@none", "1 0-10 failed: a x 1\n2 20-30 ok: r x 1", []Anomaly{G1a}, false},
	{"aborted read below others", "@ser", "1 0-10 failed: a x 1\n2 20-30 ok: a x 2\n3 40-50 ok: r x 1 2", []Anomaly{G1a}, true},
	{"aborted register read", "@rc", "1 0-10 failed: w x 1\n2 20-30 ok: g x 1 1", []Anomaly{G1a}, true},
	{"aborted register overwritten", "@rc", "1 0-10 failed: w x 1\n2 20-30 ok: g x 1 1\n3 40-50 ok: w x 2 2\n4 60-70 ok: g x 2 2", []Anomaly{G1a}, true},
	{"intermediate read", "@rc", "1 0-100 ok: a x 1; a x 2\n2 20-30 ok: r x 1\n3 200-210 ok: r x 1 2", []Anomaly{G1b, GSingle}, true},
	{"intermediate register read", "@rc", "1 0-100 ok: w x 1 1; w x 2 2\n2 20-30 ok: g x 1 1\n3 200-210 ok: g x 2 2", []Anomaly{G1b, GSingle}, true},
	{"unwritten value", "@none", "1 0-10 ok: r x 9", []Anomaly{Garbage}, true},
	{"unwritten register value", "@none", "1 0-10 ok: g x 9 1", []Anomaly{Garbage}, true},
	{"twice in one list", "@none", "1 0-10 ok: a x 1\n2 20-30 ok: r x 1 1", []Anomaly{Duplicated}, true},
	{"twice in a later list", "@rc", "1 0-10 ok: a x 1\n1 20-30 ok: a x 2\n2 40-50 ok: r x 1 2\n2 60-70 ok: r x 1 2 1", []Anomaly{Duplicated}, true},
	{"a register written twice", "@rc", "1 0-10 ok: w x 1 1\n2 20-30 ok: w x 2 2\n2 40-50 ok: g x 1 3", []Anomaly{Duplicated}, true},
	{"an unknown register write that is applied again", "@rc", "1 0-10 unknown: w x 1\n2 20-30 ok: g x 1 1\n2 40-50 ok: w x 2 2\n2 60-70 ok: g x 1 3", []Anomaly{Duplicated}, true},
	{"an unknown register write that is applied once", "@rc", "1 0-10 unknown: w x 1\n2 20-30 ok: g x 1 1\n2 40-50 ok: w x 2 2\n2 60-70 ok: g x 2 2", nil, false},
	{"own append not seen", "@rc", "1 0-10 ok: a x 1; r x\n2 20-30 ok: r x 1", []Anomaly{Internal}, true},
	{"own append seen too early", "@rc", "1 0-10 ok: r x 1; a x 1\n2 20-30 ok: r x 1", []Anomaly{Internal}, true},
	{"own register write not seen", "@rc", "1 0-10 ok: w x 5 1\n1 20-30 ok: w x 6 2; g x 5 1\n2 40-50 ok: g x 6 2", []Anomaly{Internal}, true},
	{"a key changes under read committed", "@rc", "1 0-100 ok: r x; r x 1\n2 20-30 ok: a x 1", []Anomaly{NonRepeated, GSingle}, false},
	{"a key changes under repeatable read", "@rr", "1 0-100 ok: r x; r x 1\n2 20-30 ok: a x 1", []Anomaly{NonRepeated, GSingle}, true},
	{"a register changes under repeatable read", "@rr", "1 0-100 ok: g x; g x 1 1\n2 20-30 ok: w x 1 1", []Anomaly{NonRepeated, GSingle}, true},
	{"two orders of one key", "@none", "1 0-100 ok: a x 1\n2 0-100 ok: a x 2\n3 50-60 ok: r x 1 2\n4 50-60 ok: r x 2 1", []Anomaly{Incompatible}, true},
	{"two beginnings of one key", "@none", "1 0-100 ok: a x 1\n2 0-100 ok: a x 2\n3 50-60 ok: r x 1\n4 50-60 ok: r x 2", []Anomaly{Incompatible}, true},

	// lost
	{"plain loss", "@rc", "1 0-10 ok: a x 1\n1 20-30 ok: a x 2\n2 40-50 ok: r x 1", []Anomaly{Lost}, true},
	{"loss without any isolation", "@none", "1 0-10 ok: a x 1\n2 40-50 ok: r x", []Anomaly{Lost}, true},
	{"visible, then lost", "@rc", "1 0-10 ok: a x 1\n2 20-30 ok: r x 1\n2 40-50 ok: r x", []Anomaly{VisibleLost}, true},
	{"unknown, visible, then lost", "@rc", "1 0-10 unknown: a x 1\n2 20-30 ok: r x 1\n2 40-50 ok: r x", []Anomaly{VisibleLost}, true},
	{"local-only, lost", "@rc", "1 0-10 local-only: a x 1\n2 40-50 ok: r x", []Anomaly{LocalLost}, false},
	{"local-only, visible, then lost", "@rc", "1 0-10 local-only: a x 1\n2 20-30 ok: r x 1\n2 40-50 ok: r x", []Anomaly{VisibleLost}, true},
	{"lost branch, then others", "@rc", "1 0-10 ok t1: a x 1\n1 20-30 ok t1: a x 2\n2 40-50 ok t1: r x 1 2\n1 60-70 ok t2: a x 3\n2 80-90 ok t2: r x 1 3", []Anomaly{VisibleLost}, true},
	{"lost branch that nobody saw", "@rc", "1 0-10 ok t1: a x 1\n1 20-30 ok t1: a x 2\n1 60-70 ok t2: a x 3\n2 80-90 ok t2: r x 1 3", []Anomaly{Lost}, true},
	{"lost branch, and a read that was sent first and answered last", "@rc", "1 0-10 ok t1: a x 1\n1 20-30 ok t1: a x 2\n2 40-50 ok t1: r x 1 2\n1 60-65 ok t2: a x 3\n3 70-100 ok t2: a x 4; r x 1 3 4\n2 71-80 ok t2: r x 1 3", []Anomaly{VisibleLost}, true},
	{"the same without timelines", "@rc", "1 0-10 ok: a x 1\n1 20-30 ok: a x 2\n2 40-50 ok: r x 1 2\n1 60-65 ok: a x 3\n3 70-100 ok: a x 4; r x 1 3 4\n2 71-80 ok: r x 1 3", []Anomaly{VisibleLost}, true},
	{"lost branch longer than what the last read saw", "@rc", "1 0-10 ok t1: a x 1\n1 11-20 ok t1: a x 2; a x 3; a x 4\n2 40-50 ok t1: r x 1 2 3 4\n3 70-100 ok t2: a x 5; r x 1 5\n2 71-80 ok t2: r x 1", []Anomaly{VisibleLost}, true},
	{"two failovers", "@rc", "1 0-10 ok t1: a x 1\n1 11-20 ok t1: a x 2\n2 21-30 ok t1: r x 1 2\n1 40-50 ok t2: a x 3\n2 51-60 ok t2: r x 1 3\n1 70-80 ok t3: a x 4\n2 81-90 ok t3: r x 1 4", []Anomaly{VisibleLost}, true},
	{"a tail that is lost twice", "@rc", "1 0-10 ok t1: a x 1\n1 11-20 ok t1: a x 2\n2 21-30 ok t1: r x 1 2\n1 40-50 ok t2: a x 3\n2 51-60 ok t2: r x 1 3\n2 81-90 ok t3: r x 1", []Anomaly{VisibleLost}, true},
	{"the old primary answers late", "@rc", "1 0-10 ok t1: a x 1\n1 20-60 ok t1: a x 2\n2 30-61 ok t1: r x 1 2\n3 50-55 ok t2: a x 3\n3 56-58 ok t2: r x 1 3", []Anomaly{VisibleLost}, true},
	{"the old primary answers late, nobody writes after", "@rc", "1 0-10 ok t1: a x 1\n1 20-60 ok t1: a x 2\n2 30-61 ok t1: r x 1 2\n3 56-58 ok t2: r x 1", []Anomaly{VisibleLost}, true},
	{"the old primary acknowledges late what nobody saw", "@rc", "1 0-10 ok t1: a x 1\n1 20-60 ok t1: a x 2\n3 56-58 ok t2: r x 1", []Anomaly{Lost}, true},
	{"both are primary", "@rc", "1 0-10 ok t1: a x 1\n3 20-30 ok t2: a x 3\n1 40-50 ok t1: a x 2\n2 60-70 ok t1: r x 1 2\n3 80-90 ok t2: r x 1 3", []Anomaly{VisibleLost, Stale}, true},
	{"a standby knows more of the order that survived", "@rc", "1 0-10 ok t1: a x 1\n1 20-30 ok t1: a x 2\n2 40-50 ok t1: r x 1 2\n1 60-65 ok t2: a x 3\n3 71-100 ok t2: a x 4\n2 70-80 ok t2: r x 1 3\n4 90-95 ok ~standby: r x 1 3 4", []Anomaly{VisibleLost}, true},
	{"lost registers, whose versions are not given again", "@rc", "1 0-10 ok t1: w x 1 1\n1 20-30 ok t1: w x 2 2\n1 31-40 ok t1: w x 3 3\n2 50-60 ok t2: g x 1 1\n2 70-80 ok t2: w x 4 2\n2 90-95 ok t2: g x 4 2", []Anomaly{Lost}, true},
	{"a lost register, its version given to an unknown write", "@rc", "1 0-10 ok t1: w x 1 1\n1 20-30 ok t1: w x 2 2\n2 50-60 ok t2: g x 1 1\n3 61-65 unknown t2: w x 5\n2 70-80 ok t2: w x 6 3\n2 90-95 ok t2: g x 6 3", []Anomaly{Lost}, true},
	{"a register that is gone and comes back", "@rc", "1 0-10 ok t1: w x 1 1\n1 20-30 ok t1: w x 2 2\n2 50-60 ok t2: g x 1 1\n2 70-80 ok t2: g x 2 2", []Anomaly{Resurrected, GSingle + "-realtime"}, true},
	{"lost register", "@rc", "1 0-10 ok: w x 1 1\n1 20-30 ok: w x 2 2\n2 40-50 ok: g x 1 1", []Anomaly{Lost}, true},
	{"lost register, version used again", "@rc", "1 0-10 ok: w x 1 1\n1 20-30 ok: w x 2 2\n2 40-50 ok: w x 3 2\n2 60-70 ok: g x 3 2", []Anomaly{Lost}, true},
	{"visible register, then lost", "@rc", "1 0-10 ok: w x 1 1\n1 20-30 ok: w x 2 2\n3 35-36 ok: g x 2 2\n2 40-50 ok: w x 3 2\n2 60-70 ok: g x 3 2", []Anomaly{VisibleLost}, true},
	{"half a transaction is lost", "@rc", "1 0-10 ok: a x 1; a y 2\n2 40-50 ok: r x; r y 2", []Anomaly{Lost, Fractured}, true},
	{"gone and back", "@rc", "1 0-10 ok t1: a x 1\n2 20-30 ok t2: r x\n2 40-50 ok t2: r x 1", []Anomaly{Resurrected, GSingle + "-realtime"}, true},
	{"gone, overwritten and back", "@rc", "1 0-10 ok: a x 1\n2 20-30 ok: a x 2\n2 40-50 ok: r x 2\n2 60-70 ok: r x 1 2", []Anomaly{Resurrected}, true},
	{"gone, overwritten and back at the end", "@rc", "1 0-10 ok: a x 1\n2 20-30 ok: a x 2\n2 40-50 ok: r x 2\n2 60-70 ok: r x 2 1", []Anomaly{Resurrected, Reordered, G0 + "-realtime"}, true},

	// real time
	{"stale read", "@ser", "1 0-10 ok: a x 1\n2 20-30 ok: r x\n2 40-50 ok: r x 1", []Anomaly{Stale, GSingle + "-realtime"}, true},
	{"a read goes back", "@ser", "1 0-100 ok: a x 1\n2 10-20 ok: r x 1\n3 30-40 ok: r x\n3 140-150 ok: r x 1", []Anomaly{Stale, GSingle + "-realtime"}, true},
	{"reordered commit", "@ser", "1 0-10 ok: a x 1\n2 20-30 ok: a x 2\n2 40-50 ok: r x 2 1", []Anomaly{Reordered, G0 + "-realtime"}, true},
	{"reordered versions", "@ser", "1 0-10 ok: w x 1 2\n2 20-30 ok: w x 2 1\n2 40-50 ok: g x 1 2", []Anomaly{Reordered, G0 + "-realtime"}, true},
	{"own session goes back", "@rr", "1 0-10 ok: a x 1\n1 20-30 ok: r x\n2 40-50 ok: r x 1", []Anomaly{Stale, GSingle + "-session"}, true},
	{"real time over a third key", "@ser", "1 0-10 ok: a x 1\n2 20-30 ok: a y 2\n3 0-30 ok: r x; r y 2\n4 40-50 ok: r x 1; r y 2", []Anomaly{GSingle + "-realtime"}, false},
	{"the same, strict", "@strict", "1 0-10 ok: a x 1\n2 20-30 ok: a y 2\n3 0-30 ok: r x; r y 2\n4 40-50 ok: r x 1; r y 2", []Anomaly{GSingle + "-realtime"}, true},
	{"session over a third key", "@ser", "1 0-10 ok: a x 1\n1 11-30 ok: a y 2\n3 0-30 ok: r x; r y 2\n4 40-50 ok: r x 1; r y 2", []Anomaly{GSingle + "-session"}, false},

	// cycles
	{"dirty write", "@rc", "1 0-100 ok: a x 1; a y 1\n2 0-100 ok: a x 2; a y 2\n3 200-210 ok: r x 1 2; r y 2 1", []Anomaly{G0}, true},
	{"dirty write without isolation", "@none", "1 0-100 ok: a x 1; a y 1\n2 0-100 ok: a x 2; a y 2\n3 200-210 ok: r x 1 2; r y 2 1", []Anomaly{G0}, false},
	{"dirty write of registers", "@rc", "1 0-100 ok: w x 1 1; w y 1 2\n2 0-100 ok: w x 2 2; w y 2 1\n3 200-210 ok: g x 2 2; g y 1 2", []Anomaly{G0}, true},
	{"dirty write of an unknown", "@rc", "1 0-100 ok: a x 1; a y 1\n2 0-100 unknown: a x 2; a y 2\n3 200-210 ok: r x 1 2; r y 2 1", []Anomaly{G0}, true},
	{"circular information", "@rc", "1 0-100 ok: a x 1; r y 2\n2 0-100 ok: a y 2; r x 1\n3 200-210 ok: r x 1; r y 2", []Anomaly{G1c}, true},
	{"circular information over a write", "@rc", "1 0-100 ok: a x 1; r y 2\n2 0-100 ok: a x 2; a y 2\n3 200-210 ok: r x 1 2; r y 2", []Anomaly{G1c}, true},
	{"circular information of registers", "@rc", "1 0-100 ok: w x 1 1; g y 2 1\n2 0-100 ok: w y 2 1; g x 1 1", []Anomaly{G1c}, true},
	{"read skew, read committed", "@rc", "1 0-100 ok: r x; r y 2\n2 0-100 ok: a x 1; a y 2\n3 200-210 ok: r x 1", []Anomaly{GSingle}, false},
	{"read skew, repeatable read", "@rr", "1 0-100 ok: r x; r y 2\n2 0-100 ok: a x 1; a y 2\n3 200-210 ok: r x 1", []Anomaly{GSingle}, true},
	{"read skew of registers", "@rr", "1 0-100 ok: g x; g y 2 1\n2 0-100 ok: w x 1 1; w y 2 1", []Anomaly{GSingle}, true},
	{"read skew over a chain", "@rr", "1 0-100 ok: r x; r z 3\n2 0-100 ok: a x 1; a y 2\n3 0-100 ok: r y 2; a z 3\n4 200-210 ok: r x 1", []Anomaly{GSingle}, true},
	{"lost update, read committed", "@rc", "1 0-100 ok: r x; a x 1\n2 0-100 ok: r x; a x 2\n3 200-210 ok: r x 1 2", []Anomaly{LostUpdate}, false},
	{"lost update, repeatable read", "@rr", "1 0-100 ok: r x; a x 1\n2 0-100 ok: r x; a x 2\n3 200-210 ok: r x 1 2", []Anomaly{LostUpdate}, true},
	{"lost update of registers", "@rr", "1 0-100 ok: g x; w x 1 1\n2 0-100 ok: g x; w x 2 2", []Anomaly{LostUpdate}, true},
	{"write skew, repeatable read", "@rr", "1 0-100 ok: r x; a y 1\n2 0-100 ok: r y; a x 2\n3 200-210 ok: r x 2; r y 1", []Anomaly{G2}, false},
	{"write skew, serializable", "@ser", "1 0-100 ok: r x; a y 1\n2 0-100 ok: r y; a x 2\n3 200-210 ok: r x 2; r y 1", []Anomaly{G2}, true},
	{"write skew that nobody reads", "@ser", "1 0-100 ok: r x; a y 1\n2 0-100 ok: r y; a x 2", []Anomaly{G2}, true},
	{"write skew of registers", "@ser", "1 0-100 ok: g x; w y 1 1\n2 0-100 ok: g y; w x 2 1", []Anomaly{G2}, true},
	{"write skew of three", "@ser", "1 0-100 ok: r x; a y 1\n2 0-100 ok: r y; a z 2\n3 0-100 ok: r z; a x 3\n4 200-210 ok: r x 3; r y 1; r z 2", []Anomaly{G2}, true},
	{"write skew with an unknown", "@ser", "1 0-100 ok: r x; a y 1\n2 0-100 unknown: a y 5; a x 2\n3 200-210 ok: r x 2; r y 1 5", nil, false},
	{"write skew of a failed one", "@ser", "1 0-100 ok: r x; a y 1\n2 0-100 failed: r y; a x 2\n3 200-210 ok: r x; r y 1", nil, false},
	{"long fork", "@rr", "1 0-100 ok: a x 1\n2 0-100 ok: a y 2\n3 0-100 ok: r x 1; r y\n4 0-100 ok: r x; r y 2\n5 200-210 ok: r x 1; r y 2", []Anomaly{LongFork}, true},
	{"long fork, read committed", "@rc", "1 0-100 ok: a x 1\n2 0-100 ok: a y 2\n3 0-100 ok: r x 1; r y\n4 0-100 ok: r x; r y 2\n5 200-210 ok: r x 1; r y 2", []Anomaly{LongFork}, false},
	{"long fork with a standby", "@rr", "1 0-100 ok: a x 1\n2 0-100 ok: a y 2\n3 0-100 ok: r x 1; r y\n4 0-100 ok ~standby: r x; r y 2\n5 200-210 ok: r x 1; r y 2", []Anomaly{LongFork}, true},
	{"long fork of registers", "@rr", "1 0-100 ok: w x 1 1\n2 0-100 ok: w y 2 1\n3 0-100 ok: g x 1 1; g y\n4 0-100 ok: g x; g y 2 1", []Anomaly{LongFork}, true},
	{"nonadjacent over writers", "@rr", "1 0-100 ok: a x 1\n2 0-100 ok: a y 2\n3 0-100 ok: r x 1; r y; a v 3\n4 0-100 ok: r x; r w 6\n6 0-100 ok: r y 2; a w 6\n5 200-210 ok: r x 1; r y 2", []Anomaly{GNonadjacent}, true},
	{"read-only anomaly", "@ser", "1 0-100 ok: r x; r y; a x 1\n2 0-30 ok: r y; a y 2\n3 40-50 ok: r x; r y 2\n4 200-210 ok: r x 1; r y 2", []Anomaly{G2}, true},
	{"skew of a weaker one is no error of a stronger", "@ser", "1 0-100 ok @rr: r x; a y 1\n2 0-100 ok: r y; a x 2\n3 200-210 ok: r x 2; r y 1", []Anomaly{G2}, false},
	{"a strong skew behind a weak one", "@ser", "1 0-100 ok: r x; a y 1\n2 0-100 ok: r y; a x 2; a u 7\n4 0-100 ok @rc: r x; r u 7\n3 200-210 ok: r x 2; r y 1; r u 7", []Anomaly{GSingle, G2}, true},
}

func TestHandmade(t *testing.T) {
	t.Parallel()
	if len(handmade) < 60 {
		t.Errorf("only %d histories", len(handmade))
	}
	for _, h := range handmade {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			ops := parse(t, withLevel(h.text, h.level))
			report, err := Analyze(ops, Options{RealTime: true})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range report.Groups {
				got = append(got, string(g.Anomaly))
				checkExamples(t, ops, g)
			}
			var want []string
			for _, a := range h.want {
				want = append(want, string(a))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("found %v, want %v\n%s", got, want, tell(report))
			}
			if bad := report.Errors() > 0; bad != h.bad {
				t.Errorf("error is %v, want %v\n%s", bad, h.bad, tell(report))
			}
		})
	}
}

// withLevel gives every line without a level the default one.
func withLevel(text, level string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		head, body, _ := strings.Cut(line, ":")
		if !strings.Contains(head, "@") {
			head += " " + level
		}
		fmt.Fprintf(&out, "%s:%s", head, body)
	}
	return out.String()
}

// checkExamples holds that every finding has words and that a cycle is one.
func checkExamples(t *testing.T, ops []history.Op, g Group) {
	t.Helper()
	for _, f := range g.Examples {
		if f.Why == "" || len(f.Ops) == 0 {
			t.Errorf("%s: no words or no operations: %+v", g.Anomaly, f)
		}
		for i, s := range f.Steps {
			if s.Reason == "" || s.To != f.Steps[(i+1)%len(f.Steps)].From || s.From < 0 || s.From >= len(ops) {
				t.Errorf("%s: step %d does not lead to the next one: %+v", g.Anomaly, i, f.Steps)
			}
		}
	}
}

func tell(r *Report) string {
	var out strings.Builder
	for _, g := range r.Groups {
		fmt.Fprintf(&out, "%s: %d (%d errors)\n", g.Anomaly, g.Total, g.Errors)
		for _, f := range g.Examples {
			fmt.Fprintf(&out, "  %v %s\n", f.Error, f.Why)
			for _, s := range f.Steps {
				fmt.Fprintf(&out, "    %d -%s-> %d: %s [%s]\n", s.From, s.Kind, s.To, s.Reason, s.SQL)
			}
		}
	}
	return out.String()
}
