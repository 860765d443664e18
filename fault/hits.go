package fault

import "sync"

// hits are the links and other things that faults in effect have hit, so that none of them takes another's effect for a control
// that changed.
type hits struct {
	mu     sync.Mutex
	links  map[string]int
	things map[string]int
	limits map[string]holders
}

// holders are the faults that limit one resource: how many do now, and how many have begun to.
type holders struct{ now, ever int }

func newHits() *hits {
	return &hits{links: map[string]int{}, things: map[string]int{}, limits: map[string]holders{}}
}

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

// limit counts a fault on a resource such as "memory of pg1"; what it returns takes it back, once.
func (h *hits) limit(resource string) (release func()) {
	count := func(now, ever int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		held := h.limits[resource]
		h.limits[resource] = holders{held.now + now, held.ever + ever}
	}
	count(1, 1)
	return sync.OnceFunc(func() { count(-1, 0) })
}

// unlimited says whether no fault limits the resource now, and how many have begun to: if that is so and the number is what it was, none has
// limited it in between.
func (h *hits) unlimited(resource string) (bool, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.limits[resource]
	return held.now == 0, held.ever
}
