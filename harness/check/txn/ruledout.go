package txn

import "strings"

// rulesOut is the weakest level that a history with this anomaly cannot have had.
func (a Anomaly) rulesOut() Level {
	base, _, timed := strings.Cut(string(a), "-session")
	if !timed {
		base, _, timed = strings.Cut(string(a), "-realtime")
	}
	if timed {
		return Strict
	}
	switch Anomaly(base) {
	case Stale, Reordered, Lost, VisibleLost, LocalLost, Resurrected:
		return Strict
	case NonRepeated, LostUpdate, GSingle, LongFork, GNonadjacent:
		return Snapshot
	case G2:
		return Serializable
	}
	return ReadCommitted
}

// Held is the strongest level that the history does not rule out, and with it the names of the levels it does.
func (r *Report) Held() (strongest Level, ruledOut []string) {
	held := Strict
	for _, g := range r.Groups {
		held = min(held, g.Anomaly.rulesOut()-1)
	}
	for level := held + 1; level <= Strict; level++ {
		ruledOut = append(ruledOut, "not "+level.String())
	}
	return held, ruledOut
}
