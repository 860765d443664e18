package image

import "fmt"

// Unusable says in one line why a run cannot take place on this machine with what the user asked for: the value, what was
// expected of it, where it came from. It is bad input or a bad environment, never a finding about PostgreSQL.
type Unusable struct {
	Line string
	Err  error // the cause, if there is one; Line has said it already
}

// Error is the line.
func (u *Unusable) Error() string { return u.Line }

// Unwrap is the cause.
func (u *Unusable) Unwrap() error { return u.Err }

// unusable makes an Unusable; the cause may be nil.
func unusable(cause error, format string, args ...any) error {
	return &Unusable{Line: fmt.Sprintf(format, args...), Err: cause}
}
