package image

import (
	"context"

	"github.com/moby/moby/client"
)

// resolve finds the PostgreSQL image.
func resolve(ctx context.Context, docker *client.Client, want Want, ready *Ready, log func(string)) error {
	ready.Postgres = "pgcrucible/postgres:" + want.Version
	ready.Source = "built from Debian packages"
	ready.Version = want.Version
	_, err := docker.ImageInspect(ctx, ready.Postgres)
	return err
}
