package fault

func diskEntries() []Entry {
	target := Param{Name: "target", Kind: KindNode, Default: wordPrimary, Draw: []string{wordPrimary, wordStandby}}
	restart := Param{Name: "restart", Kind: KindBool, Default: "false", Draw: []string{"true"}}
	return []Entry{
		{
			Name: "power-loss", Group: GroupDisk, Imitates: "a pulled plug, a crashed kernel: what was not synced is gone", Mechanism: "EXT4_IOC_SHUTDOWN, then SIGKILL of the container",
			Params: []Param{target, restart},
			New:    func(a Args) (Fault, error) { return PowerLoss{a.target("target"), a.bool("restart")}, nil },
		},
		{
			Name: "disk-full", Group: GroupDisk, Imitates: "WAL that piles up, a log that nobody rotates", Mechanism: "a file of the free space's size",
			Params: []Param{target, restart},
			New:    func(a Args) (Fault, error) { return DiskFull{a.target("target"), a.bool("restart")}, nil },
		},
		{
			Name: "disk-read-only", Group: GroupDisk, Imitates: "a file system that found an error (remount-ro)", Mechanism: "ext4's mount option abort",
			Params: []Param{target, restart},
			New:    func(a Args) (Fault, error) { return DiskReadOnly{a.target("target"), a.bool("restart")}, nil },
		},
		{
			Name: "disk-slow", Group: GroupDisk, Imitates: "a worn disk, a controller without its write cache", Mechanism: "a FUSE layer below the loop device",
			Params: []Param{target, {Name: "sync", Kind: KindDuration, Default: "100ms", Draw: []string{"100ms"}}},
			New: func(a Args) (Fault, error) {
				return DiskSlow{Target: a.target("target"), Sync: a.duration("sync")}, nil
			},
		},
		{
			Name: "disk-bandwidth", Group: GroupDisk, Imitates: "a shared disk, a cloud volume out of its credit", Mechanism: "a FUSE layer below the loop device",
			Params: []Param{target, {Name: "rate", Kind: KindInt, Default: "1000000", Draw: []string{"4000000"}}},
			New: func(a Args) (Fault, error) {
				f := DiskSlow{Target: a.target("target"), Rate: a.int("rate")}
				return f, f.check()
			},
		},
		{
			Name: "disk-error", Group: GroupDisk, Imitates: "bad sectors under chosen files", Mechanism: "a FUSE layer below the loop device",
			Params: []Param{target, {Name: "path", Kind: KindWord, Default: "pg_wal", Words: []string{"pg_wal", "base", "global", "pg_xact"}}, restart},
			New: func(a Args) (Fault, error) {
				return DiskError{Target: a.target("target"), Path: a["path"], Restart: a.bool("restart")}, nil
			},
		},
		{
			Name: "torn-wal", Group: GroupDisk, Imitates: "power lost while a WAL page was written, by a disk that lies", Mechanism: "kill, then zeros for the last sectors of WAL",
			Params: []Param{target, restart},
			New:    func(a Args) (Fault, error) { return TornWAL{a.target("target"), a.bool("restart")}, nil },
		},
		{
			Name: "wal-removed", Group: GroupDisk, Imitates: "somebody who made room in pg_wal", Mechanism: "kill, then the segment of the redo position moved away",
			Params: []Param{target, restart},
			New:    func(a Args) (Fault, error) { return WALRemoved{a.target("target"), a.bool("restart")}, nil },
		},
		{
			Name: "control-damaged", Group: GroupDisk, Imitates: "a bad sector under pg_control", Mechanism: "kill, then bytes of the file inverted",
			Params: []Param{target, restart},
			New:    func(a Args) (Fault, error) { return ControlDamaged{a.target("target"), a.bool("restart")}, nil },
		},
		{
			Name: "page-damaged", Group: GroupDisk, Imitates: "bit rot, a misdirected write", Mechanism: "bytes of a table's page inverted, around a restart",
			Params: []Param{target},
			New:    func(a Args) (Fault, error) { return PageDamaged{Target: a.target("target")}, nil },
		},
	}
}
