package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// cached are the repositories of images that are made again within seconds: sandboxes and templates of data folders. PostgreSQL's own
// image is not among them.
var cached = []string{sandboxRepository, "pgcrucible/template"}

// Forget removes cached images that no container uses and returns their names. Older ones pile up as this module changes.
func Forget(ctx context.Context) ([]string, error) {
	docker, err := Connect(ctx)
	if err != nil {
		return nil, err
	}
	removed, err := forget(ctx, docker)
	return removed, errors.Join(err, docker.Close())
}

func forget(ctx context.Context, docker *client.Client) (removed []string, err error) {
	filters := make(client.Filters).Add("reference", cached...)
	found, err := docker.ImageList(ctx, client.ImageListOptions{Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list cached images: %w", err)
	}
	var errs []error
	for _, image := range found.Items {
		for _, tag := range image.RepoTags {
			_, err := docker.ImageRemove(ctx, tag, client.ImageRemoveOptions{PruneChildren: true})
			switch {
			case err == nil:
				removed = append(removed, tag)
			case errdefs.IsConflict(err), errdefs.IsNotFound(err): // a container uses it, or it is gone
			default:
				errs = append(errs, fmt.Errorf("remove image %s: %w", tag, err))
			}
		}
	}
	return removed, errors.Join(errs...)
}
