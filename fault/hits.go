package fault

import "sync"

// hits are the links and other things that faults in effect have hit, so that none of them takes another's effect for a control
// that changed.
type hits struct {
	mu     sync.Mutex
	links  map[string]int
	things map[string]int
}

func newHits() *hits { return &hits{links: map[string]int{}, things: map[string]int{}} }

// mark counts a fault on a thing such as "clock pg1" (or, with -1, one less); marked says whether there is one.
func (h *hits) mark(thing string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.things[thing] += n
}

func (h *hits) marked(thing string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.things[thing] > 0
}

// add counts a fault on each of the links (or, with -1, one less).
func (h *hits) add(links []link, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range links {
		h.links[l.String()] += n
	}
}

// spared are those of the links that no fault has hit.
func (h *hits) spared(links []link) []link {
	h.mu.Lock()
	defer h.mu.Unlock()
	var spared []link
	for _, l := range links {
		if h.links[l.String()] == 0 {
			spared = append(spared, l)
		}
	}
	return spared
}
