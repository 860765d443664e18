package pg

import (
	"fmt"
	"strconv"
	"strings"
)

// LSN is a position in the write-ahead log, in bytes since its beginning.
// PostgreSQL writes it as two hexadecimal halves, for example 0/3000060 (documentation, "pg_lsn Type").
type LSN uint64

// String writes the LSN as PostgreSQL does.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// MarshalText makes LSNs readable in JSON.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (l *LSN) UnmarshalText(text []byte) error {
	parsed, err := ParseLSN(string(text))
	if err != nil {
		return err
	}
	*l = parsed
	return nil
}

// ParseLSN reads an LSN as PostgreSQL prints it; the error names the text.
func ParseLSN(text string) (LSN, error) {
	high, low, found := strings.Cut(text, "/")
	if !found {
		return 0, fmt.Errorf("LSN %q: want two hexadecimal numbers with a slash between them", text)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("LSN %q: first half: %w", text, err)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("LSN %q: second half: %w", text, err)
	}
	return LSN(h<<32 | l), nil
}

// Timeline is the number of a branch of the write-ahead log: 1 after initdb, one more after each promotion.
type Timeline uint32

// File is how a history file of this timeline is called in pg_wal, for example 00000002.history.
func (t Timeline) File() string { return fmt.Sprintf("%08X.history", uint32(t)) }
