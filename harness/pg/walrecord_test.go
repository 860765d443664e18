package pg

import "testing"

const walSegment = 16 << 20

func TestParseWALRecord(t *testing.T) {
	line := "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/01C1E2C0, prev 0/01C1E290, desc: CHECKPOINT_SHUTDOWN redo 0/1C1E2C0"
	record, err := ParseWALRecord(line)
	if err != nil || record != (WALRecord{Start: 0x1C1E2C0, Length: 114}) {
		t.Errorf("%+v, %v", record, err)
	}
	if record, err := ParseWALRecord("pg_waldump: error: could not find file"); err == nil {
		t.Errorf("an error was read as %+v", record)
	}
}

func TestWALRecordEnd(t *testing.T) {
	for _, test := range []struct {
		record WALRecord
		want   LSN
	}{
		{WALRecord{0x1000028, 114}, 0x100009A},
		{WALRecord{0x1001FF0, 16}, 0x1002000},
		{WALRecord{0x1001FF0, 17}, 0x1002000 + 24 + 1},
		{WALRecord{0x1FFFFF0, 20}, 0x2000000 + 40 + 4},
		{WALRecord{0x1001FF0, 16 + 8168 + 5}, 0x1004000 + 24 + 5},
	} {
		if got := test.record.End(walSegment); got != test.want {
			t.Errorf("%+v ends at %s, want %s", test.record, got, test.want)
		}
	}
}

func TestWALFile(t *testing.T) {
	if got := WALFile(3, 0x2_01000028, walSegment); got != "000000030000000200000001" {
		t.Error(got)
	}
	if got := WALFile(1, 0x1_C0000000, 1<<30); got != "000000010000000100000003" {
		t.Error(got)
	}
}
