package procedure

import (
	"time"
)

// Manual is what a careful operator does by hand: fence, promote, checkpoint, slot; then pg_rewind, or pg_basebackup where
// that is refused; own settings, start, and a look at whether it is true. Each step is verified by what PostgreSQL says
// and has a deadline. The zero value is ready to use.
type Manual struct {
	Step time.Duration // deadline of a step that moves little data; 0: 30 s
	Copy time.Duration // deadline of a rewind or base backup; 0: 10 min
	Hook Hook          // called at the Points; may be nil

	// NoRewind has every old primary that must be brought back after a failover replaced by a base backup, without trying
	// pg_rewind: the procedure of those who do not trust it, and what a rewind has to be faster than.
	NoRewind bool
}

// Name is how reports call the procedure: manual, or rebuild.
func (m Manual) Name() string {
	if m.NoRewind {
		return "rebuild"
	}
	return "manual"
}

// Rewinds implements Rewinding.
func (m Manual) Rewinds() bool { return !m.NoRewind }

// WithHook implements Hooked.
func (m Manual) WithHook(hook Hook) Procedure {
	m.Hook = hook
	return m
}

func (m Manual) step() time.Duration {
	if m.Step > 0 {
		return m.Step
	}
	return 30 * time.Second
}

func (m Manual) copying() time.Duration {
	if m.Copy > 0 {
		return m.Copy
	}
	return 10 * time.Minute
}
