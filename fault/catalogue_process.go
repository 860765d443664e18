package fault

import "github.com/pgcrucible/pgcrucible/harness/cluster"

// victim is the parameter of a fault that hits one node.
func victim() Param {
	return Param{Name: "target", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary, wordStandby}}
}

// brought is the parameter of a fault after which PostgreSQL does not run.
func brought() Param {
	return Param{Name: "restart", Kind: KindBool, Default: "false", Draw: []string{"true"}}
}

func processEntries() []Entry {
	return append(killEntries(), []Entry{
		{
			Name: "shutdown", Group: GroupProcess, Imitates: "pg_ctl stop, a service manager, an orchestrator's eviction",
			Mechanism: "SIGTERM, SIGINT or SIGQUIT of the postmaster",
			Params: []Param{
				victim(), brought(),
				{Name: "mode", Kind: KindWord, Default: string(cluster.Fast), Words: modes(), Draw: modes()},
			},
			New: func(a Args) (Fault, error) {
				return Shutdown{Target: a.target("target"), Mode: cluster.StopMode(a["mode"]), Restart: a.bool("restart")}, nil
			},
		},
		{
			Name: "freeze", Group: GroupProcess, Imitates: "a process that hangs without dying", Mechanism: "SIGSTOP and SIGCONT",
			Params: []Param{victim(), {Name: "process", Kind: KindWord, Words: freezableWords(), Draw: []string{string(cluster.Postmaster), string(cluster.Checkpointer)}}},
			New: func(a Args) (Fault, error) {
				return Freeze{Target: a.target("target"), Process: a.process("process")}, nil
			},
		},
		{
			Name: "pause", Group: GroupProcess, Imitates: "a virtual machine that is suspended or migrated", Mechanism: "pause of the container",
			Params: []Param{victim()},
			New:    func(a Args) (Fault, error) { return Pause(a.target("target")), nil },
		},
		{
			Name: "stop-container", Group: GroupProcess, Imitates: "docker stop, the eviction of a pod, a host that shuts down",
			Mechanism: "SIGINT of the postmaster, then stop of the container",
			Params:    []Param{victim(), brought(), {Name: "grace", Kind: KindDuration, Default: "10s"}},
			New: func(a Args) (Fault, error) {
				return StopContainer{Target: a.target("target"), Grace: a.duration("grace"), Restart: a.bool("restart")}, nil
			},
		},
		{
			Name: "out-of-memory", Group: GroupProcess, Imitates: "a query that takes more memory than there is", Mechanism: "a memory limit and a query that exceeds it",
			Params: []Param{victim()},
			New:    func(a Args) (Fault, error) { return OutOfMemory{a.target("target")}, nil },
		},
	}...)
}

func killEntries() []Entry {
	return []Entry{
		{
			Name: "kill", Group: GroupProcess, Imitates: "the OOM killer, a crashed host, an operator's kill -9", Mechanism: "SIGKILL of the postmaster and its children",
			Params: []Param{victim(), brought()},
			New: func(a Args) (Fault, error) {
				f := Kill(a.target("target"))
				f.Restart = a.bool("restart")
				return f, nil
			},
		},
		{
			Name: "kill-process", Group: GroupProcess, Imitates: "one PostgreSQL process crashing", Mechanism: "SIGKILL",
			Params: []Param{victim(), {Name: "process", Kind: KindProcess, Draw: []string{"checkpointer"}}},
			New:    func(a Args) (Fault, error) { return KillProcess(a.target("target"), a.process("process")), nil },
		},
		{
			Name: "kill-container", Group: GroupProcess, Imitates: "a node that loses power (its page cache survives)", Mechanism: "SIGKILL of the container",
			Params: []Param{victim(), brought()},
			New: func(a Args) (Fault, error) {
				f := KillContainer(a.target("target"))
				f.Restart = a.bool("restart")
				return f, nil
			},
		},
	}
}

func resourceEntries() []Entry {
	return []Entry{
		{
			Name: "starve", Group: GroupResource, Imitates: "a noisy neighbour, too small a CPU limit", Mechanism: "a quota of CPU time",
			Params: []Param{victim(), {Name: "cpu", Kind: KindShare, Default: "0.05"}},
			New: func(a Args) (Fault, error) {
				f := Starve{Target: a.target("target"), Share: a.share("cpu")}
				return f, f.check()
			},
		},
		{
			Name: "memory-pressure", Group: GroupResource, Imitates: "too tight a memory limit, a working set larger than memory", Mechanism: "a memory limit near what is needed",
			Params: []Param{victim(), {Name: "headroom", Kind: KindInt, Default: "16777216"}},
			New: func(a Args) (Fault, error) {
				f := MemoryPressure{Target: a.target("target"), Headroom: a.int("headroom")}
				return f, f.check()
			},
		},
	}
}

func modes() []string {
	return []string{string(cluster.Smart), string(cluster.Fast), string(cluster.Immediate)}
}

func freezableWords() []string {
	var words []string
	for _, process := range Freezable() {
		words = append(words, string(process))
	}
	return words
}
