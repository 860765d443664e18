package fault

import (
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
)

const clockAnchor = int64(1_800_000_000_000_000_000)

// at is a reading made between two moments after the anchor, of a clock that is ahead of the first by so much.
func at(from, to, ahead time.Duration) reading {
	return reading{clockAnchor + int64(from+ahead), clockAnchor + int64(from), clockAnchor + int64(to)}
}

func TestWhatAReadingCanBeExplainedBy(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	jump := ClockJump(Primary(), time.Hour).shift(clockAnchor)
	back := ClockJump(Primary(), -time.Hour).shift(clockAnchor)
	fast := ClockSkew(Primary(), 0.1).shift(clockAnchor)
	strobe := ClockStrobe(Primary(), time.Hour, 2*s).shift(clockAnchor)
	for name, c := range map[string]struct {
		r     reading
		s     shift.Shift
		right bool
		by    bool
	}{
		"right, no jump":              {at(s, s+ms, ms/2), jump, true, false},
		"jump":                        {at(s, s+ms, time.Hour), jump, false, true},
		"jump, late answer":           {at(s, 5*s, time.Hour+4*s), jump, false, true},
		"jump, later than the answer": {at(s, 5*s, time.Hour+4*s+ms), jump, false, false},
		"jump too short":              {at(s, s+ms, time.Hour-ms), jump, false, false},
		"jump the other way":          {at(s, s+ms, -time.Hour), jump, false, false},
		"jump back":                   {at(s, s+ms, -time.Hour), back, false, true},
		"drift not to be told yet":    {at(10*ms, 20*ms, 2*ms), fast, true, true},
		"drift":                       {at(10*s, 10*s+ms, s), fast, false, true},
		"drift that stopped":          {at(20*s, 20*s+ms, s), fast, false, false},
		"no drift":                    {at(20*s, 20*s+ms, 0), fast, true, false},
		"strobe on":                   {at(500*ms, 501*ms, time.Hour), strobe, false, true},
		"strobe on, but is not":       {at(500*ms, 501*ms, 0), strobe, true, false},
		"strobe off":                  {at(1500*ms, 1501*ms, 0), strobe, true, true},
		"strobe off, but is not":      {at(1500*ms, 1501*ms, time.Hour), strobe, false, false},
		"strobe at its edge, on":      {at(999*ms, 1001*ms, time.Hour), strobe, false, true},
		"strobe at its edge, off":     {at(999*ms, 1001*ms, ms), strobe, true, true},
		"strobe, whole phases long":   {at(500*ms, 2600*ms, time.Hour), strobe, false, true},
		"strobe, something else":      {at(999*ms, 1001*ms, time.Minute), strobe, false, false},
	} {
		if got := c.r.right(); got != c.right {
			t.Errorf("%s: right %v", name, got)
		}
		if got := c.r.explainedBy(c.s); got != c.by {
			t.Errorf("%s: explained by the fault: %v", name, got)
		}
	}
}

func TestClocksThatCouldNotBeProven(t *testing.T) {
	for _, f := range []Clock{
		{},
		ClockJump(Primary(), time.Millisecond), ClockSkew(Primary(), 0.0001), ClockSkew(Primary(), -1), ClockSkew(Primary(), 5),
		ClockJump(Primary(), 20*365*24*time.Hour), ClockStrobe(Primary(), time.Hour, time.Millisecond),
		{Rate: 0.1, Phase: time.Second},
	} {
		if f.check() == nil {
			t.Errorf("%s is not refused", f)
		}
	}
	for _, f := range []Clock{
		ClockJump(Primary(), -20*time.Millisecond), ClockSkew(Primary(), -0.9), ClockSkew(Primary(), 4), ClockStrobe(Primary(), -time.Hour, time.Second),
	} {
		if err := f.check(); err != nil {
			t.Error(err)
		}
	}
}
