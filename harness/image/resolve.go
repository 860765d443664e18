package image

import (
	"context"
	"fmt"
	"strconv"

	"github.com/distribution/reference"
	"github.com/moby/moby/client"
)

// resolver finds the PostgreSQL image that a run uses.
type resolver struct {
	docker *client.Client
	want   Want
	log    func(string)
	// Where unnamed images are looked for; tests use other places.
	official, built string
	patience        patience
}

func newResolver(docker *client.Client, want Want, log func(string)) resolver {
	return resolver{
		docker: docker, want: want, log: log, patience: usualPatience(),
		official: "postgres:" + want.Version, built: builtRepository + ":" + want.Version,
	}
}

// resolve fills in the image, its source and its version.
func (r resolver) resolve(ctx context.Context, ready *Ready) (err error) {
	if r.want.Image != "" {
		ready.Postgres, ready.Source = r.want.Image, "named by the user"
		if err := r.named(ctx); err != nil {
			return err
		}
	} else if ready.Postgres, ready.Source, err = r.unnamed(ctx); err != nil {
		return err
	}
	found, err := r.docker.ImageInspect(ctx, ready.Postgres)
	if err != nil {
		return fmt.Errorf("look at image %s: %w", ready.Postgres, err)
	}
	if ready.Version, err = probe(ctx, r.docker, ready.Postgres, found.ID); err != nil {
		return err
	}
	if ready.Source == "" && found.Config != nil {
		ready.Source = "built from " + orElse(found.Config.Labels[builtLabel], "Debian packages")
	}
	if major := strconv.Itoa(findings{Version: ready.Version}.major()); r.want.Image == "" && major != r.want.Version {
		return unusable(nil, "image %q has PostgreSQL %s; want %s", ready.Postgres, ready.Version, r.want.Version)
	}
	return nil
}

// named makes sure that the engine has the user's image.
func (r resolver) named(ctx context.Context) error {
	if _, err := reference.ParseNormalizedNamed(r.want.Image); err != nil {
		return unusable(err, "image %q: not an image name (%v); want NAME or NAME:TAG", r.want.Image, err)
	}
	has, err := hasImage(ctx, r.docker, r.want.Image)
	if has || err != nil {
		return err
	}
	if err := pull(ctx, r.docker, r.want.Image, r.patience, r.log); err != nil {
		return unusable(err, "image %q does not exist: not on the engine, and pulling it says: %s", r.want.Image, oneLine(err))
	}
	return nil
}

// unnamed is the official image if the engine has it or can pull it, else one built from Debian packages. One that was built before
// comes before a pull: it is there because no registry could be reached, and a run of today uses what yesterday's used.
// The source is empty for a built one: the image itself says it.
func (r resolver) unnamed(ctx context.Context) (image, source string, err error) {
	if has, err := hasImage(ctx, r.docker, r.official); has || err != nil {
		return r.official, "official, found on the engine", err
	}
	if has, err := hasImage(ctx, r.docker, r.built); has || err != nil {
		return r.built, "", err
	}
	pullErr := pull(ctx, r.docker, r.official, r.patience, r.log)
	if pullErr == nil {
		return r.official, "official, pulled", nil
	}
	if ctx.Err() != nil {
		return "", "", fmt.Errorf("pull %s: %w", r.official, context.Cause(ctx))
	}
	r.log(fmt.Sprintf("%s cannot be pulled: %s", r.official, oneLine(pullErr)))
	if err := (builder{docker: r.docker, version: r.want.Version, reference: r.built, log: r.log}).build(ctx); err != nil {
		return "", "", unusable(err, "image %s is not on the engine and cannot be pulled (%s); %s", r.official, oneLine(pullErr), oneLine(err))
	}
	return r.built, "", nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
