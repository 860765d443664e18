// Package image has the images a run needs: PostgreSQL's, pulled or built from Debian packages, and the sandbox's, built from this module.
package image

import (
	"context"
	"errors"
)

// Want is what the user asked for. Image wins over Version.
type Want struct {
	Version string // 15, 17 or 18
	Image   string // a reference, used as it is
}

// Ready is what the engine has now.
type Ready struct {
	Postgres string // reference to run
	Source   string // where it came from, for the report: "named by the user", "official, pulled", "built from Debian trixie"
	Version  string // as `postgres --version` says: 17.11
	Sandbox  string // reference of the sandbox image (agent and reaper), FROM scratch
}

// Prepare finds, pulls or builds the images, telling log what it does. Errors are one clear line each.
func Prepare(ctx context.Context, want Want, log func(string)) (Ready, error) {
	return Ready{}, errors.New("not built yet")
}
