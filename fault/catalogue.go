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
	return slices.Concat(processEntries(), networkEntries())
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

func processEntries() []Entry {
	target := Param{Name: "target", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary, wordStandby}}
	return []Entry{
		{
			Name: "kill", Group: GroupProcess, Imitates: "the OOM killer, a crashed host, an operator's kill -9", Mechanism: "SIGKILL of the postmaster and its children",
			Params: []Param{target, {Name: "restart", Kind: KindBool, Default: "false", Draw: []string{"true"}}},
			New: func(a Args) (Fault, error) {
				f := Kill(a.target("target"))
				f.Restart = a.bool("restart")
				return f, nil
			},
		},
		{
			Name: "kill-process", Group: GroupProcess, Imitates: "one PostgreSQL process crashing", Mechanism: "SIGKILL",
			Params: []Param{target, {Name: "process", Kind: KindProcess, Draw: []string{"checkpointer", "walwriter"}}},
			New:    func(a Args) (Fault, error) { return KillProcess(a.target("target"), a.process("process")), nil },
		},
		{
			Name: "kill-container", Group: GroupProcess, Imitates: "a node that loses power (its page cache survives)", Mechanism: "SIGKILL of the container",
			Params: []Param{target, {Name: "restart", Kind: KindBool, Default: "false", Draw: []string{"true"}}},
			New: func(a Args) (Fault, error) {
				f := KillContainer(a.target("target"))
				f.Restart = a.bool("restart")
				return f, nil
			},
		},
	}
}

func networkEntries() []Entry {
	from := Param{Name: "from", Kind: KindEnd, Default: wordPrimary, Draw: []string{wordPrimary}}
	to := Param{Name: "to", Kind: KindEnd, Default: wordStandby, Draw: []string{wordStandby, wordClients, wordAll}}
	oneWay := Param{Name: "oneway", Kind: KindBool, Default: "false", Draw: []string{"false", "true"}}
	return []Entry{
		{
			Name: "cut", Group: GroupNetwork, Imitates: "a pulled cable, a dead switch, a firewall rule gone wrong", Mechanism: "nftables drop in the sandboxes, leased",
			Params: []Param{from, to, oneWay},
			New: func(a Args) (Fault, error) {
				return Cut{From: a.target("from"), To: a.target("to"), OneWay: a.bool("oneway")}, nil
			},
		},
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
