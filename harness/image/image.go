// Package image has the images a run needs: PostgreSQL's, pulled or built from Debian packages, and the sandbox's, built from this module.
package image

import (
	"context"
	"sync"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
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

// Prepare finds, pulls or builds the images, telling log what it does. Errors are one clear line each, *Unusable where the
// user's input or machine is the cause.
func Prepare(ctx context.Context, want Want, log func(string)) (Ready, error) {
	docker, err := Connect(ctx)
	if err != nil {
		return Ready{}, err
	}
	defer func() { _ = docker.Close() }() // only idle connections
	return prepare(ctx, docker, want, log)
}

func prepare(ctx context.Context, docker *client.Client, want Want, log func(string)) (Ready, error) {
	if err := checkSpace(ctx, docker); err != nil {
		return Ready{}, err
	}
	var mu sync.Mutex // both sides tell at once
	tell := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		log(line)
	}
	var ready Ready
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		ready.Sandbox, err = sandbox(ctx, docker, tell)
		return err
	})
	both.Go(func() error { return newResolver(docker, want, tell).resolve(ctx, &ready) })
	if err := both.Wait(); err != nil {
		return Ready{}, err
	}
	return ready, nil
}
