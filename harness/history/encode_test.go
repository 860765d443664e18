package history

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// generate makes an operation out of bytes: every field can be empty, plain, or hard to write.
type generate struct{ from []byte }

func (g *generate) byte() byte {
	if len(g.from) == 0 {
		return 0
	}
	b := g.from[0]
	g.from = g.from[1:]
	return b
}

func (g *generate) text() string {
	hard := []string{"", "pg1", "a b", `"\`, "<&>", "\x00\x1f", "\u2028\u2029", "é€😀", "\xff\xfe", "\x7f", "'; drop table x"}
	b := g.byte()
	if int(b) < len(hard) {
		return hard[b]
	}
	n := min(int(b)%20, len(g.from))
	text := string(g.from[:n])
	g.from = g.from[n:]
	return text
}

func (g *generate) number() int64 {
	value := int64(int8(g.byte()))
	for range g.byte() % 8 {
		value = value<<8 | int64(g.byte())
	}
	return value
}

func (g *generate) op() Op {
	op := Op{
		Workload: g.text(), Client: int(g.number()), Seq: int(g.number()), Kind: Kind(g.text()), Key: g.text(), Token: g.text(), Node: g.text(),
		Timeline: pg.Timeline(g.number()), LSN: pg.LSN(g.number()), Isolation: g.text(), Scheduled: time.Duration(g.number()),
		Call: time.Duration(g.number()), Return: time.Duration(g.number()), Outcome: Outcome(g.byte() % 4), SQLState: g.text(), Err: g.text(),
		Session: int(g.number()), Standby: g.byte()%2 == 1,
	}
	for range g.byte() % 4 {
		a := Access{Write: g.byte()%2 == 1, Key: g.text(), Value: g.number(), Version: g.number(), SQL: g.text()}
		for range g.byte() % 4 {
			a.List = append(a.List, g.number())
		}
		op.Txn = append(op.Txn, a)
	}
	return op
}

// What appendOp writes is what encoding/json writes, and the decoder reads of it what encoding/json reads.
func FuzzOpAsEncodingJSON(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x05\x00\x07\x00\x02\x0c0123456789abcdef\x01\x03\x00\x7f\x07abcdefgh"))
	f.Add(bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 30))
	f.Add(bytes.Repeat([]byte{1, 1, 1}, 60))
	f.Fuzz(func(t *testing.T, from []byte) {
		g := &generate{from: from}
		op := g.op()
		want, err := json.Marshal(line{Op: &op})
		if err != nil {
			t.Fatal(err)
		}
		got := appendOp([]byte("before"), &op)
		if string(got) != "before"+string(want)+"\n" {
			t.Fatalf("written\n%s, want\n%s", got, want)
		}
		sameReading(t, want)
	})
}

// Whatever a line is, it is read as encoding/json reads it, or refused as it refuses it.
func FuzzLineAsEncodingJSON(f *testing.F) {
	for _, text := range lines {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { sameReading(t, text) })
}

const plainLine = `{"op":{"client":3,"seq":17,"kind":"append","token":"a-3-17","node":"pg1","tli":2,"lsn":"0/30A0060","scheduled":1,"call":2,"return":3,"outcome":"ok"}}`

var lines = []string{
	plainLine,
	`{"op":{"load":"append","client":0,"seq":1,"kind":"txn","isolation":"serializable","scheduled":1,"call":2,"return":3,"outcome":"local-only","sqlstate":"01000",` +
		`"txn":[{"w":true,"k":"x","v":7},{"k":"y","list":[1,2,3],"ver":4,"sql":"select"}],"session":2,"standby":true}}`,
	`{"op":{"client":0,"seq":0,"kind":"","scheduled":0,"call":0,"return":0,"outcome":"unknown","err":"a \"b\" \u003c"}}`,
	`{"op":{"client":-0,"seq":00,"kind":"a","scheduled":1e3,"call":2,"return":3,"outcome":"ok"}}`,
	`{"op":{"client":1,"seq":2,"kind":"a","lsn":"FFFFFFFF/FFFFFFFF","scheduled":1,"call":2,"return":999999999999999999,"outcome":"ok"}}`,
	`{"op":{"client":1,"seq":2,"kind":"a","lsn":"g/0","scheduled":1,"call":2,"return":3,"outcome":"ok"}}`,
	`{"op":{"client":1,"seq":2,"kind":"a","tli":4294967296,"scheduled":1,"call":2,"return":3,"outcome":"ok"}}`,
	`{"op":{"client":1,"seq":2,"kind":"a","scheduled":1,"call":2,"return":3,"outcome":"maybe"}}`,
	`{"op":{"client":1,"seq":2,"kind":"a","scheduled":1,"call":2,"return":3,"outcome":"ok"}} `,
	`{"op":{"client":1,"seq":2,"kind":"a","scheduled":1,"call":2,"return":3,"outcome":"ok"}}}`,
	`{"op":{"client":1,"seq":2,"kind":"a","scheduled":1,"call":2,"return":3,"outcome":"ok","txn":[]}}`,
	`{"op":{"client":1}}`, `{"span":{"name":"fault"}}`, `{}`, `null`, ``, `{"op":null}`,
	`{"op":{"client":1},"span":{"name":"x"}}`,
}

func sameReading(t *testing.T, text []byte) {
	t.Helper()
	d := decoder{words: map[string]string{}}
	var op Op
	if !d.op(text, &op) {
		return // encoding/json reads it
	}
	var want line
	if err := json.Unmarshal(text, &want); err != nil || want.Op == nil || !reflect.DeepEqual(*want.Op, op) {
		t.Fatalf("%s\nread as %+v, want %+v (%v)", text, op, want.Op, err)
	}
}

// The lines that matter for speed do not go through encoding/json.
func TestOwnLinesAreReadFast(t *testing.T) {
	for i, text := range lines[:2] {
		d := decoder{words: map[string]string{}}
		if !d.op([]byte(text), &Op{}) {
			t.Errorf("line %d was left to encoding/json", i)
		}
	}
}

// Accesses and lists of earlier operations stay as they are while room is made for later ones.
func TestRoomMovesNothingThatWasHandedOut(t *testing.T) {
	d := decoder{words: map[string]string{}}
	var got, want []Op
	for i := range 3000 {
		op := Op{Kind: Txn, Seq: i}
		for j := range i%5 + 1 {
			a := Access{Key: "k", Value: int64(i), Write: j == 0}
			for n := range i % 7 {
				a.List = append(a.List, int64(i*10+n))
			}
			op.Txn = append(op.Txn, a)
		}
		want = append(want, op)
		var read Op
		text := appendOp(nil, &op)
		if !d.op(text[:len(text)-1], &read) {
			t.Fatalf("left to encoding/json: %s", text)
		}
		got = append(got, read)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("not what was written")
	}
}
