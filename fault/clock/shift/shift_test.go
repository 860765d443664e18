package shift

import (
	"math/big"
	"testing"
	"time"
)

const anchor = int64(1_800_000_000_123_456_789)

func TestAt(t *testing.T) {
	second, hour := int64(time.Second), int64(time.Hour)
	for name, c := range map[string]struct {
		s       Shift
		elapsed int64
		want    int64
	}{
		"jump at once":         {Shift{Offset: hour, Phase: Never}, 0, hour},
		"jump lasts":           {Shift{Offset: -hour, Phase: Never}, 1000 * hour, -hour},
		"fast":                 {Shift{Rate: 100_000_000, Phase: Never}, 10 * second, second},
		"slow":                 {Shift{Rate: -500_000_000, Phase: Never}, 3 * second, -3 * second / 2},
		"slow before anchor":   {Shift{Rate: -500_000_000, Phase: Never}, -3 * second, 3 * second / 2},
		"first phase":          {Shift{Offset: hour, Phase: second}, second - 1, hour},
		"second phase":         {Shift{Offset: hour, Phase: second}, second, 0},
		"third phase":          {Shift{Offset: hour, Phase: second}, 2 * second, hour},
		"jump and drift":       {Shift{Offset: hour, Rate: 1_000_000_000, Phase: Never}, 7, hour + 7},
		"five times the speed": {Shift{Rate: FastestRate, Phase: Never}, 365 * 24 * hour, 4 * 365 * 24 * hour},
	} {
		c.s.Anchor = anchor
		if got := c.s.At(anchor + c.elapsed); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestAtIsExact compares with arithmetic that cannot overflow or round.
func TestAtIsExact(t *testing.T) {
	for _, rate := range []int64{SlowestRate, -999, -1, 1, 333_333_333, FastestRate} {
		for _, elapsed := range []int64{1, 999_999_999, 1_000_000_001, 86_400_123_456_789, 31_536_000_987_654_321} {
			product := new(big.Int).Mul(big.NewInt(rate), big.NewInt(elapsed))
			want := product.Quo(product, big.NewInt(int64(time.Second))).Int64()
			if got := (Shift{Anchor: anchor, Rate: rate, Phase: Never}).At(anchor + elapsed); got != want {
				t.Errorf("rate %d after %d: %d, want %d", rate, elapsed, got, want)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	good := Shift{Anchor: anchor, Offset: int64(MostOffset), Rate: FastestRate, Phase: 1}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Shift){
		"anchor": func(s *Shift) { s.Anchor = 0 }, "phase": func(s *Shift) { s.Phase = 0 },
		"slow": func(s *Shift) { s.Rate = SlowestRate - 1 }, "fast": func(s *Shift) { s.Rate = FastestRate + 1 },
		"forward": func(s *Shift) { s.Offset++ }, "back": func(s *Shift) { s.Offset = -s.Offset - 1 },
	} {
		bad := good
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: %+v is not refused", name, bad)
		}
	}
}
