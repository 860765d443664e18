package shape

import "time"

// packet is one that waits for its time.
type packet struct {
	id     uint32
	at     time.Time
	order  uint64 // of arrival: packets of one moment leave as they came
	copied []byte // to be sent after it
}

// packets are a heap by time.
type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].at.Before(p[j].at) || (p[i].at.Equal(p[j].at) && p[i].order < p[j].order)
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	old := *p
	last := old[len(old)-1]
	*p = old[:len(old)-1]
	return last
}
