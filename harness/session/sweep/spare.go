package sweep

// The label by which a reaper's own container is known.
const (
	RoleLabel  = "io.pgcrucible.role"
	RoleReaper = "reaper"
)

// Sparing spares reapers, which go by themselves, and whatever carries a kept label (key=value).
func Sparing(kept map[string]bool) func(Thing) bool {
	return func(thing Thing) bool {
		if thing.Labels[RoleLabel] == RoleReaper {
			return true
		}
		for key, value := range thing.Labels {
			if kept[key+"="+value] {
				return true
			}
		}
		return false
	}
}
