package session

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session/sweep"
)

func TestASessionLivesAsLongAsItsReaper(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	reaper := func(id, state string, age time.Duration) sweep.Thing {
		return sweep.Thing{
			Kind: sweep.Container, State: state, Made: now.Add(-age),
			Labels: map[string]string{SessionLabel: id, sweep.RoleLabel: sweep.RoleReaper},
		}
	}
	live := liveSessions([]sweep.Thing{
		reaper("runs", "running", time.Hour), reaper("opens", "created", time.Second), reaper("never-opened", "created", time.Hour),
		reaper("ended", "exited", time.Second),
		{Kind: sweep.Container, State: "running", Labels: map[string]string{SessionLabel: "orphan"}},
	}, now)
	if len(live) != 2 || !live["runs"] || !live["opens"] {
		t.Errorf("live %v, want runs and opens", live)
	}
}

func TestEngineSocketIsTheOneOnTheEnginesMachine(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///var/run/docker.sock":                "/var/run/docker.sock",
		"unix:///run/user/1000/docker.sock":          "/run/user/1000/docker.sock",
		"unix:///home/x/.docker/desktop/docker.sock": "/var/run/docker.sock",
		"tcp://far:2376":                             "/var/run/docker.sock",
		"unix:///Users/x/.docker/run/docker.sock":    "/var/run/docker.sock",
		"unix:///run/podman/podman.sock":             "/run/podman/podman.sock",
	} {
		if got := engineSocket(host); got != want {
			t.Errorf("engineSocket(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestIDsAreUniqueAndSortByTime(t *testing.T) {
	now := time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC)
	one, two, later := newID(now), newID(now), newID(now.Add(time.Second))
	if one == two {
		t.Errorf("two sessions are both %s", one)
	}
	if one >= later || two >= later {
		t.Errorf("%s or %s is not before %s", one, two, later)
	}
}

func TestOpenWithoutAnEngineSaysSo(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	var line *image.Unusable
	if _, err := Open(t.Context(), "x"); !errors.As(err, &line) {
		t.Errorf("open: %v, want an *image.Unusable", err)
	}
	if _, err := Sweep(t.Context()); !errors.As(err, &line) {
		t.Errorf("sweep: %v, want an *image.Unusable", err)
	}
}
