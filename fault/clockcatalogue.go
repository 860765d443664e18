package fault

import "time"

func clockEntries() []Entry {
	target := Param{Name: "target", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary, wordStandby}}
	// Parameters have no sign: a plan says it by a word.
	flag := func(name string) Param {
		return Param{Name: name, Kind: KindBool, Default: "false", Draw: []string{"false", "true"}}
	}
	const mechanism = "vDSO of PostgreSQL's processes, changed by a tracer beside them"
	return []Entry{
		{
			Name: "clock-jump", Group: GroupClock, Imitates: "date -s, a machine without NTP, a virtual machine that was suspended", Mechanism: mechanism,
			Params: []Param{target, {Name: "by", Kind: KindDuration, Default: "1h"}, flag("back")},
			New: func(a Args) (Fault, error) {
				f := ClockJump(a.target("target"), time.Duration(a.sign("back"))*a.duration("by"))
				return f, f.check()
			},
		},
		{
			Name: "clock-skew", Group: GroupClock, Imitates: "a bad oscillator, a clock that is slewed", Mechanism: mechanism,
			Params: []Param{target, {Name: "rate", Kind: KindShare, Default: "0.2"}, flag("slow")},
			New: func(a Args) (Fault, error) {
				f := ClockSkew(a.target("target"), float64(a.sign("slow"))*a.share("rate"))
				return f, f.check()
			},
		},
		{
			Name: "clock-strobe", Group: GroupClock, Imitates: "two time servers that disagree", Mechanism: mechanism,
			Params: []Param{target, {Name: "by", Kind: KindDuration, Default: "1h"}, {Name: "period", Kind: KindDuration, Default: "1s"}, {Name: "back", Kind: KindBool, Default: "false"}},
			New: func(a Args) (Fault, error) {
				f := ClockStrobe(a.target("target"), time.Duration(a.sign("back"))*a.duration("by"), a.duration("period"))
				return f, f.check()
			},
		},
	}
}

// sign is -1 if the parameter says that the other way is meant.
func (a Args) sign(other string) int {
	if a.bool(other) {
		return -1
	}
	return 1
}
