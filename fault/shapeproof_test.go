package fault

import (
	"testing"
	"time"
)

func TestAVolleyShowsTheEffectOrNot(t *testing.T) {
	const ms = time.Millisecond
	whole := measured{sent: 200, came: 200, first: ms, all: 5 * ms}
	for name, c := range map[string]struct {
		want Worse
		size int
		m    measured
		ok   bool
	}{
		"loss":                       {Worse{Loss: 0.3}, 0, measured{sent: 200, came: 141, first: ms, all: 5 * ms}, true},
		"no loss":                    {Worse{Loss: 0.3}, 0, whole, false},
		"far more lost":              {Worse{Loss: 0.3}, 0, measured{sent: 200, came: 20, first: ms, all: 5 * ms}, false},
		"a little loss, none seen":   {Worse{Loss: 0.05}, 0, whole, false},
		"latency":                    {Worse{Delay: 100 * ms}, 0, measured{sent: 200, came: 200, first: 101 * ms, all: 110 * ms}, true},
		"no latency":                 {Worse{Delay: 100 * ms}, 0, whole, false},
		"latency and loss unasked":   {Worse{Delay: 100 * ms}, 0, measured{sent: 200, came: 150, first: 101 * ms, all: 110 * ms}, false},
		"jitter":                     {Worse{Delay: 100 * ms, Jitter: 20 * ms}, 0, measured{sent: 200, came: 200, first: 81 * ms, all: 110 * ms}, true},
		"no jitter":                  {Worse{Delay: 100 * ms, Jitter: 20 * ms}, 0, measured{sent: 200, came: 200, first: 79 * ms, all: 110 * ms}, false},
		"duplicates":                 {Worse{Duplicate: 0.25}, 0, measured{sent: 200, came: 249, first: ms, all: 5 * ms}, true},
		"no duplicates":              {Worse{Duplicate: 0.25}, 0, whole, false},
		"reorder":                    {Worse{Delay: 20 * ms, Reorder: 0.25}, 0, measured{sent: 200, came: 200, late: 60, first: ms, all: 30 * ms}, true},
		"delay without reorder":      {Worse{Delay: 20 * ms, Reorder: 0.25}, 0, measured{sent: 200, came: 200, first: 20 * ms, all: 30 * ms}, false},
		"bandwidth":                  {Worse{Rate: 200_000}, 1400, measured{sent: 50, came: 50, first: ms, all: 357 * ms}, true},
		"no bandwidth":               {Worse{Rate: 200_000}, 1400, measured{sent: 50, came: 50, first: ms, all: 5 * ms}, false},
		"bandwidth of a third more":  {Worse{Rate: 200_000}, 1400, measured{sent: 50, came: 50, first: ms, all: 260 * ms}, false},
		"nothing came, and may have": {Worse{Loss: 1}, 0, measured{sent: 200}, true},
	} {
		if err := c.want.shows(c.m, c.size); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAVolleyShowsWhatIsLeft(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		was Worse
		m   measured
		ok  bool
	}{
		"whole":         {Worse{Delay: 100 * ms}, measured{sent: 200, came: 200, first: 30 * ms}, true},
		"a few lost":    {Worse{Loss: 0.3}, measured{sent: 200, came: 181}, true},
		"still lost":    {Worse{Loss: 0.3}, measured{sent: 200, came: 140}, false},
		"still doubled": {Worse{Duplicate: 0.3}, measured{sent: 200, came: 201}, false},
		"still late":    {Worse{Delay: 100 * ms, Jitter: 20 * ms}, measured{sent: 200, came: 200, first: 81 * ms}, false},
	} {
		if err := c.was.left(c.m); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAThinLinkIsGivenTimeForWhatStandsInLine(t *testing.T) {
	thin, wide := &shapeProof{want: Worse{Rate: 1000}}, &shapeProof{want: Worse{Loss: 0.1}}
	if first, next := thin.inLine(measured{}), thin.inLine(measured{came: 1}); first < 10*next || next == 0 {
		t.Errorf("%s for the first, %s for the next", first, next)
	}
	if got := wide.inLine(measured{}); got != 0 {
		t.Errorf("%s of a link without a bandwidth", got)
	}
}
