package session

import (
	"context"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

// opening is how long a reaper may stand created and not yet started: its session is being opened.
const opening = time.Minute

// Sweep removes everything of this product that no live session owns, such as pairs that were kept, and returns what that was.
// A session lives as long as its reaper runs. Labels (key=value) narrow it to what carries them all. Images stay.
func Sweep(ctx context.Context, labels ...string) ([]string, error) {
	docker, err := image.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = docker.Close() }() // only idle connections
	engine := sweep.Dial(docker.Dialer())
	labels = append([]string{Label + "=true"}, labels...)
	all, err := engine.List(ctx, labels...)
	if err != nil {
		return nil, err
	}
	live := liveSessions(all, time.Now())
	// What is not in all belongs to a session that was opened since.
	dead := make(map[string]bool)
	for _, thing := range all {
		dead[thing.ID] = !live[thing.Labels[SessionLabel]]
	}
	gone, err := engine.Clear(ctx, labels, func(thing sweep.Thing) bool { return !dead[thing.ID] }, 0)
	var removed []string
	for _, thing := range gone {
		removed = append(removed, thing.String())
	}
	return removed, err
}

// liveSessions are those whose reaper runs or is about to.
func liveSessions(things []sweep.Thing, now time.Time) map[string]bool {
	live := make(map[string]bool)
	for _, thing := range things {
		if thing.Labels[sweep.RoleLabel] != sweep.RoleReaper {
			continue
		}
		if thing.State == "running" || thing.State == "created" && now.Sub(thing.Made) < opening {
			live[thing.Labels[SessionLabel]] = true
		}
	}
	return live
}
