package history

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// appendOp appends an operation's line exactly as encoding/json writes it, newline included, in a tenth of the time:
// recording must not slow down the clients that are measured. A test holds the two equal.
func appendOp(b []byte, op *Op) []byte {
	b = append(b, `{"op":{`...)
	b = appendText(b, `"load":`, op.Workload)
	b = appendNumber(b, `"client":`, int64(op.Client))
	b = appendNumber(b, `,"seq":`, int64(op.Seq))
	b = appendString(append(b, `,"kind":`...), string(op.Kind))
	b = append(b, ',')
	b = appendText(b, `"key":`, op.Key)
	b = appendText(b, `"token":`, op.Token)
	b = appendText(b, `"node":`, op.Node)
	if op.Timeline != 0 {
		b = append(appendNumber(b, `"tli":`, int64(op.Timeline)), ',')
	}
	if op.LSN != 0 {
		b = append(appendLSN(append(b, `"lsn":"`...), op.LSN), `",`...)
	}
	b = appendText(b, `"isolation":`, op.Isolation)
	b = appendTimes(b, op.Scheduled, op.Call, op.Return)
	b = append(append(append(b, `,"outcome":"`...), op.Outcome.String()...), '"', ',')
	b = appendText(b, `"sqlstate":`, op.SQLState)
	b = appendText(b, `"err":`, op.Err)
	b = appendTxn(b, op.Txn)
	if op.Session != 0 {
		b = append(appendNumber(b, `"session":`, int64(op.Session)), ',')
	}
	if op.Standby {
		b = append(b, `"standby":true,`...)
	}
	b[len(b)-1] = '}' // for the comma after the last field
	return append(b, '}', '\n')
}

func appendTxn(b []byte, txn []Access) []byte {
	if len(txn) == 0 {
		return b
	}
	b = append(b, `"txn":[`...)
	for i := range txn {
		b = append(appendAccess(b, &txn[i]), ',')
	}
	b[len(b)-1] = ']'
	return append(b, ',')
}

func appendAccess(b []byte, a *Access) []byte {
	b = append(b, '{')
	if a.Write {
		b = append(b, `"w":true,`...)
	}
	b = append(appendString(append(b, `"k":`...), a.Key), ',')
	if a.Value != 0 {
		b = append(appendNumber(b, `"v":`, a.Value), ',')
	}
	if len(a.List) > 0 {
		b = append(b, `"list":[`...)
		for _, value := range a.List {
			b = append(strconv.AppendInt(b, value, 10), ',')
		}
		b[len(b)-1] = ']'
		b = append(b, ',')
	}
	if a.Version != 0 {
		b = append(appendNumber(b, `"ver":`, a.Version), ',')
	}
	b = appendText(b, `"sql":`, a.SQL)
	b[len(b)-1] = '}'
	return b
}

// appendText appends a field that is left out if it is empty, with a comma after it.
func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return append(appendString(append(b, name...), text), ',')
}

func appendNumber(b []byte, name string, number int64) []byte {
	return strconv.AppendInt(append(b, name...), number, 10)
}

func appendTimes(b []byte, scheduled, call, returned time.Duration) []byte {
	b = appendNumber(b, `"scheduled":`, int64(scheduled))
	b = appendNumber(b, `,"call":`, int64(call))
	return appendNumber(b, `,"return":`, int64(returned))
}

func appendLSN(b []byte, lsn pg.LSN) []byte {
	const digits = "0123456789ABCDEF"
	hex := func(b []byte, half uint32) []byte {
		shift := 28
		for shift > 0 && half>>shift == 0 {
			shift -= 4
		}
		for ; shift >= 0; shift -= 4 {
			b = append(b, digits[half>>shift&15])
		}
		return b
	}
	return hex(append(hex(b, uint32(lsn>>32)), '/'), uint32(lsn)) //nolint:gosec // the two halves
}

// appendString leaves what has to be escaped to encoding/json.
func appendString(b []byte, text string) []byte {
	for i := range len(text) {
		if !plain[text[i]] {
			escaped, _ := json.Marshal(text) // a string is always encoded
			return append(b, escaped...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// plain are the bytes that stand for themselves in a string as encoding/json writes it.
var plain = func() (table [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		table[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return table
}()
