package pg

import (
	"fmt"
	"regexp"
	"strconv"
)

// WALPage is the length of a page of the write-ahead log in bytes (XLOG_BLCKSZ, 8 kB unless PostgreSQL was built with another).
const WALPage = 8192

// WALRecord is a record of the write-ahead log: where it begins and how long it is without the page headers in between.
type WALRecord struct {
	Start  LSN
	Length uint64 // bytes
}

// walLine is how pg_waldump prints a record, the same from PostgreSQL 15 to 18.
var walLine = regexp.MustCompile(`len \(rec/tot\): *\d+/ *(\d+), .*?lsn: ([0-9A-F]+/[0-9A-F]+)`)

// ParseWALRecord reads a line of pg_waldump.
func ParseWALRecord(line string) (WALRecord, error) {
	part := walLine.FindStringSubmatch(line)
	if part == nil {
		return WALRecord{}, fmt.Errorf("pg_waldump: %q is no record", line)
	}
	length, err := strconv.ParseUint(part[1], 10, 32)
	if err != nil {
		return WALRecord{}, fmt.Errorf("pg_waldump: length: %w", err)
	}
	start, err := ParseLSN(part[2])
	return WALRecord{Start: start, Length: length}, err
}

// Lengths of page headers in bytes, each padded to a multiple of 8 (xlog_internal.h): the long one begins a segment.
const (
	shortHeader = 24
	longHeader  = 40
)

// End is the position behind the record's last byte, in WAL of segments of so many bytes.
func (r WALRecord) End(segment uint64) LSN {
	at, left := uint64(r.Start), r.Length
	for {
		room := WALPage - at%WALPage
		if left <= room {
			return LSN(at + left)
		}
		left -= room
		at += room + shortHeader
		if (at-shortHeader)%segment == 0 {
			at += longHeader - shortHeader
		}
	}
}

// WALFile is how the segment of a timeline that holds a position is called in pg_wal, with segments of so many bytes.
func WALFile(t Timeline, at LSN, segment uint64) string {
	perID := (uint64(1) << 32) / segment
	number := uint64(at) / segment
	return fmt.Sprintf("%08X%08X%08X", uint32(t), number/perID, number%perID)
}
