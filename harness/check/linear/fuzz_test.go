package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// arbitrary makes a small history of one register of bytes: right versions, wrong ones and none.
func arbitrary(data []byte) []history.Op {
	var ops []history.Op
	free := map[int]time.Duration{}
	written := map[int64]bool{}
	for len(data) >= 5 && len(ops) < 14 {
		client := int(data[0] % 4)
		call := free[client] + time.Duration(data[1]%16)
		op := history.Op{
			Kind: history.Txn, Client: client, Call: call, Return: call + time.Duration(data[2]%16),
			Outcome: []history.Outcome{history.OK, history.OK, history.OK, history.Unknown, history.Failed, history.LocalOnly}[data[3]%6],
		}
		a := history.Access{Key: "x", Write: data[3]%2 == 0, Value: int64(data[4] % 8), Version: int64(data[4]%8) + int64(data[3]/6%8)/7}
		if a.Write && (written[a.Value] || a.Value == 0) {
			a.Write = false
		}
		written[a.Value] = written[a.Value] || a.Write
		free[client] = op.Return + 1
		op.Txn = []history.Access{a}
		ops, data = append(ops, op), data[5:]
	}
	return ops
}

// FuzzRegisters: whatever the history, the pieces give the verdict of one search over all of it.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x00\x01\x01\x01\x02\x01\x01\x02\x01\x02\x01\x00"))
	f.Add([]byte("two clients write and read what they wrote, and one reads something that was there long before"))
	f.Fuzz(func(t *testing.T, data []byte) {
		registers := Registers(arbitrary(data))
		if len(registers) == 0 {
			return
		}
		got := Check(registers, time.Minute)
		all := piece{ops: registers[0].ops}
		_, all.versioned = registers[0].byVersion()
		if want := all.search(time.Minute) == porcupine.Ok; got.TimedAt == "" && want != (len(got.Bad) == 0) {
			t.Errorf("bad %v, in one search %v: %+v", len(got.Bad) > 0, !want, registers[0].ops)
		}
	})
}
