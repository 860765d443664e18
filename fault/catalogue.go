package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Group is a family of faults.
type Group string

// The groups.
const (
	GroupProcess   Group = "process"
	GroupNetwork   Group = "network"
	GroupDisk      Group = "disk"
	GroupClock     Group = "clock"
	GroupResource  Group = "resource"
	GroupPostgres  Group = "PostgreSQL"
	GroupProcedure Group = "inside the procedure"
)

// Entry is a fault as plans and people name it.
type Entry struct {
	Name      string
	Group     Group
	Imitates  string // in the real world, a few words
	Mechanism string // by which it is done where nothing better is known; Fault.Supported says whether it can be
	Params    []Param
	New       func(Args) (Fault, error) // Args hold a checked value for every parameter
}

// Param is one parameter of a fault.
type Param struct {
	Name    string
	Kind    Kind
	Default string   // empty: it must be given
	Draw    []string // values from which plans are drawn; empty: the default
	Words   []string // the words of a Word
}

// catalogue is all entries in the order of the groups. Each group's file has its own list.
func catalogue() []Entry {
	return slices.Concat(
		processEntries(), networkEntries(), diskEntries(),
		clockEntries(),
		postgresEntries(),
		resourceEntries(),
	)
}

// Catalogue is every fault that a plan can name.
func Catalogue() []Entry { return catalogue() }

// Find is the entry of that name.
func Find(name string) (Entry, error) {
	var known []string
	for _, entry := range catalogue() {
		if entry.Name == name {
			return entry, nil
		}
		known = append(known, entry.Name)
	}
	return Entry{}, fmt.Errorf("unknown fault %q: want %s", name, strings.Join(known, ", "))
}

// Build makes the fault from words as a plan gives them: it fills in defaults, and refuses what is unknown, missing or
// no value of its kind.
func (e Entry) Build(given map[string]string) (Fault, error) {
	for name := range given {
		if !slices.ContainsFunc(e.Params, func(p Param) bool { return p.Name == name }) {
			return nil, fmt.Errorf("%s has no parameter %q: want %s", e.Name, name, e.parameters())
		}
	}
	args := Args{}
	for _, param := range e.Params {
		word, ok := given[param.Name]
		if !ok {
			word = param.Default
		}
		if word == "" {
			return nil, fmt.Errorf("%s wants %s=", e.Name, param.Name)
		}
		if err := param.check(word); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", e.Name, param.Name, err)
		}
		args[param.Name] = word
	}
	return e.New(args)
}

// parameters lists the parameters with their defaults.
func (e Entry) parameters() string {
	words := make([]string, len(e.Params))
	for i, param := range e.Params {
		words[i] = param.Name + "=" + param.Default
	}
	return strings.Join(words, " ")
}

// Usage is how a plan writes the fault.
func (e Entry) Usage() string { return strings.TrimSpace(e.Name + " " + e.parameters()) }

func networkEntries() []Entry {
	from := Param{Name: "from", Kind: KindEnd, Default: wordPrimary, Draw: []string{wordPrimary}}
	to := Param{Name: "to", Kind: KindEnd, Default: wordStandby, Draw: []string{wordStandby, wordClients, wordAll}}
	oneWay := Param{Name: "oneway", Kind: KindBool, Default: "false", Draw: []string{"false", "true"}}
	ends := []Param{from, to, oneWay}
	entries := []Entry{
		{
			Name: "cut", Group: GroupNetwork, Imitates: "a pulled cable, a dead switch, a firewall rule gone wrong", Mechanism: "nftables drop in the sandboxes, leased",
			Params: ends,
			New: func(a Args) (Fault, error) {
				return Cut{From: a.target("from"), To: a.target("to"), OneWay: a.bool("oneway")}, nil
			},
		},
		{
			Name: "refuse", Group: GroupNetwork, Imitates: "a firewall that rejects, a balancer without a backend", Mechanism: "nftables reject with tcp reset, leased",
			Params: []Param{
				{Name: "from", Kind: KindEnd, Default: wordStandby, Draw: []string{wordStandby}},
				{Name: "to", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary}},
			},
			New: func(a Args) (Fault, error) { return Refuse{From: a.target("from"), To: a.target("to")}, nil },
		},
		{
			Name: "half-open", Group: GroupNetwork, Imitates: "a dead process behind a living kernel", Mechanism: "nftables drop of TCP segments with data, leased",
			Params: []Param{from, {Name: "to", Kind: KindEnd, Default: wordStandby, Draw: []string{wordStandby}}},
			New:    func(a Args) (Fault, error) { return HalfOpen{From: a.target("from"), To: a.target("to")}, nil },
		},
	}
	return append(entries, worseEntries(from, oneWay)...)
}

func worseEntries(from, oneWay Param) []Entry {
	to := Param{Name: "to", Kind: KindEnd, Default: wordStandby, Draw: []string{wordStandby}}
	worse := func(name, imitates string, add func(*Worse, Args), more ...Param) Entry {
		return Entry{
			Name: name, Group: GroupNetwork, Imitates: imitates, Mechanism: "netem or NFQUEUE to the agent, leased", Params: append([]Param{from, to, oneWay}, more...),
			New: func(a Args) (Fault, error) {
				f := Worse{From: a.target("from"), To: a.target("to"), OneWay: a.bool("oneway")}
				add(&f, a)
				return f, f.check()
			},
		}
	}
	delay := Param{Name: "delay", Kind: KindDuration, Default: "100ms", Draw: []string{"50ms"}}
	share := func(value string) Param { return Param{Name: "share", Kind: KindShare, Default: value} }
	return []Entry{
		worse("latency", "a long line, a crowded router", func(f *Worse, a Args) { f.Delay, f.Jitter = a.duration("delay"), a.duration("jitter") },
			delay, Param{Name: "jitter", Kind: KindDuration, Default: "0s", Draw: []string{"0s", "20ms"}}),
		worse("loss", "a bad cable, a flooded line", func(f *Worse, a Args) { f.Loss = a.share("share") }, share("0.2")),
		worse("bandwidth", "a thin or shared line", func(f *Worse, a Args) { f.Rate = a.int("rate") },
			Param{Name: "rate", Kind: KindInt, Default: "200000"}),
		worse("reorder", "unequal paths", func(f *Worse, a Args) { f.Delay, f.Reorder = a.duration("delay"), a.share("share") },
			Param{Name: "delay", Kind: KindDuration, Default: "20ms"}, share("0.25")),
		worse("duplicate", "a loop in the network", func(f *Worse, a Args) { f.Duplicate = a.share("share") }, share("0.25")),
	}
}

// Example is the fault with the first of the values that each parameter is drawn from.
func (e Entry) Example() (Fault, error) {
	given := map[string]string{}
	for _, param := range e.Params {
		if len(param.Draw) > 0 {
			given[param.Name] = param.Draw[0]
		}
	}
	return e.Build(given)
}
