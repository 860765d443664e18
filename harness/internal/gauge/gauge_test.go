package gauge

import (
	"testing"
	"time"
)

func TestOf(t *testing.T) {
	var kept []byte
	spent := Of(func() {
		kept = make([]byte, 64<<20)
		for i := range kept {
			kept[i] = byte(i)
		}
		for began := cpu(); cpu()-began < 20*time.Millisecond; {
			kept[0]++
		}
	})
	if spent.CPU < 20*time.Millisecond || spent.Peak < uint64(len(kept)) || spent.Wall <= 0 {
		t.Errorf("%+v", spent)
	}
}
