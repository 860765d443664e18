package fault

import "testing"

func TestHitsOfTwoFaults(t *testing.T) {
	a, b, c := &endpoint{name: "a"}, &endpoint{name: "b"}, &endpoint{name: "c"}
	ab, bc := link{a, b}, link{b, c}
	h := newHits()
	h.add([]link{ab, bc}, 1)
	h.add([]link{ab}, 1)
	h.add([]link{ab, bc}, -1)
	if spared := h.spared([]link{ab, bc}); len(spared) != 1 || spared[0] != bc {
		t.Errorf("spared %v", spared)
	}
}

func TestHitsOfLimits(t *testing.T) {
	h := newHits()
	free, before := h.unlimited("memory of pg1")
	release := h.limit("memory of pg1")
	if now, _ := h.unlimited("memory of pg1"); !free || now {
		t.Errorf("unlimited before: %v, and while it is limited: %v", free, now)
	}
	release()
	release()
	if now, after := h.unlimited("memory of pg1"); !now || after == before {
		t.Errorf("unlimited after: %v; begun %d times before and %d after", now, before, after)
	}
	if other, n := h.unlimited("memory of pg2"); !other || n != 0 {
		t.Errorf("another node: %v, %d", other, n)
	}
}
