// Package shift says how wrong a clock is, as a pure function of the true time: what the machine code in a node's processes adds, and
// what the tester expects to see, are the same by this.
package shift

import (
	"errors"
	"fmt"
	"time"
)

// Never is a length of phases that no run outlives: Offset always applies.
const Never = int64(1) << 62

// Bounds of what a clock can be made to show.
const (
	MostOffset  = 10 * 365 * 24 * time.Hour
	SlowestRate = -900_000_000  // parts per billion: a tenth of the true speed
	FastestRate = 4_000_000_000 // five times the true speed
)

// Shift is how wrong a clock is. All its times are nanoseconds, of the kernel's CLOCK_REALTIME where they are moments.
type Shift struct {
	Anchor int64 `json:"anchor"` // since 1970: from here the clock drifts, and phases are counted
	Offset int64 `json:"offset"` // added in the first, third, fifth ... phase
	Rate   int64 `json:"rate"`   // parts per billion by which the clock is fast; negative: slow
	Phase  int64 `json:"phase"`  // how long a phase is; Never: the first one lasts
}

// At is what is added when the true time is now, nanoseconds since 1970.
func (s Shift) At(now int64) int64 {
	elapsed := now - s.Anchor
	const billion = int64(time.Second)
	add := elapsed/billion*s.Rate + elapsed%billion*s.Rate/billion
	if !s.Odd(now) {
		add += s.Offset
	}
	return add
}

// Odd says whether the second, fourth ... phase is on, in which Offset does not apply.
func (s Shift) Odd(now int64) bool { return (now-s.Anchor)/s.Phase%2 != 0 }

// Check refuses what the machine code could not carry out.
func (s Shift) Check() error {
	switch {
	case s.Anchor <= 0:
		return errors.New("no moment from which the clock is wrong")
	case s.Phase < 1:
		return fmt.Errorf("phases of %d ns: want at least 1", s.Phase)
	case s.Rate < SlowestRate || s.Rate > FastestRate:
		return fmt.Errorf("rate of %d parts per billion: want %d to %d", s.Rate, int64(SlowestRate), int64(FastestRate))
	case s.Offset < -int64(MostOffset) || s.Offset > int64(MostOffset):
		return fmt.Errorf("offset of %s: want at most %s either way", time.Duration(s.Offset), MostOffset)
	}
	return nil
}
