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
