package cluster

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// templateScript makes a data folder in the image's own layer. Its text is part of the template's key.
//
//go:embed template.sh
var templateScript string

const (
	templateRepository = "pgcrucible/template"
	// templateFormat is raised when templates are made in another way, beside the script.
	templateFormat = 2
	// templateWithin bounds the making of a template. A container of that work which is older was left by a process that died.
	templateWithin = 10 * time.Minute
)

// template is an image like PostgreSQL's with a data folder of a cleanly stopped primary in it. The engine copies that folder
// into the fresh volume of each node: a cold copy of a stopped primary is a valid base for a standby of it, so all nodes start
// from it at once.
type template struct{ key string }

func (t template) reference() string { return templateRepository + ":" + t.key }

// maker is the name of the container in which it is made.
func (t template) maker() string { return "pgcrucible-template-" + t.key }

func templateKey(imageID string, t Topology) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%s", templateFormat, imageID, strings.Join(t.template(), " "), templateScript))
	return hex.EncodeToString(sum[:8])
}

// template are the script's arguments: what of a topology is in the data folder before its first start.
func (t Topology) template() []string {
	checksums := "on"
	if t.NoChecksums {
		checksums = "off"
	}
	return []string{strconv.Itoa(t.Rows), checksums}
}

// TemplateReference is the name of the image that nodes of this configuration start from. It is made when it is first needed and stays:
// whoever wants the space back may remove it at any time when no cluster uses it.
func TemplateReference(ctx context.Context, config Config) (string, error) {
	docker, err := connectEngine(ctx)
	if err != nil {
		return "", err
	}
	key, err := templateOf(ctx, docker, config)
	return template{key}.reference(), errors.Join(err, docker.Close())
}

func templateOf(ctx context.Context, docker *client.Client, config Config) (key string, err error) {
	base, err := docker.ImageInspect(ctx, config.Image)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", config.Image, err)
	}
	return templateKey(base.ID, config.Topology), nil
}

// findTemplate takes the cached template, or makes it. Several processes may do so at once: one makes it, the others wait.
func findTemplate(ctx context.Context, docker *client.Client, config Config) (template, error) {
	key, err := templateOf(ctx, docker, config)
	if err != nil {
		return template{}, err
	}
	t := template{key}
	ctx, cancel := context.WithTimeout(ctx, templateWithin)
	defer cancel()
	for {
		if _, err = docker.ImageInspect(ctx, t.reference()); err == nil || !errdefs.IsNotFound(err) {
			return t, err
		}
		err = t.make(ctx, docker, config)
		if !errdefs.IsConflict(err) {
			return t, err
		}
		if err := t.await(ctx, docker); err != nil {
			return t, err
		}
	}
}

// make runs the script in a container and keeps what it left as an image. The container's name is the lock:
// the engine gives it to one only, the others get a conflict.
func (t template) make(ctx context.Context, docker *client.Client, config Config) (err error) {
	name := t.maker()
	worker, err := create(ctx, testcontainers.ContainerRequest{
		Name:               name,
		Image:              config.Image,
		Entrypoint:         []string{"sleep", fmt.Sprint(int(templateWithin.Seconds()))}, // it ends although its maker has died
		Env:                environment(),
		Labels:             maps.Clone(config.Labels),
		ConfigModifier:     func(c *container.Config) { c.User = "root" },
		HostConfigModifier: func(h *container.HostConfig) { h.NetworkMode = "none" },
	})
	if err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, remove(clean, docker, name))
	}()
	config.log("making the template %s of %s", t.reference(), config.Image)
	if err := worker.Start(ctx); err != nil {
		return fmt.Errorf("make template: %w", err)
	}
	if err := fill(ctx, docker, name, config.Topology); err != nil {
		return fmt.Errorf("make template of %s: %w", config.Image, err)
	}
	_, err = docker.ContainerCommit(ctx, name, client.ContainerCommitOptions{Reference: t.reference(), NoPause: true, Changes: neutral(config.Labels)})
	if err != nil {
		return fmt.Errorf("make template: commit: %w", err)
	}
	return nil
}

// neutral takes what belonged to the container that made the template out of the image: containers inherit labels from their image,
// and what the next session makes of it must not look like this one's. A label cannot be removed, only emptied.
func neutral(labels map[string]string) []string {
	changes := []string{"ENTRYPOINT []", `CMD ["/bin/sh"]`}
	for _, name := range slices.Sorted(maps.Keys(marked(labels))) {
		changes = append(changes, fmt.Sprintf("LABEL %q=\"\"", name))
	}
	return changes
}

// fill makes the folders and the data folder in the container.
func fill(ctx context.Context, docker *client.Client, name string, topology Topology) error {
	root := shells{docker: docker, container: name, user: "root"}
	defer root.drop()
	_, err := root.run(ctx, `set -e; for d in "$@"; do mkdir -p "$d"; chown postgres "$d"; chmod 700 "$d"; done`,
		volume, path.Dir(logFile), socketDir, archiveDir)
	if err != nil {
		return err
	}
	postgres := shells{docker: docker, container: name, user: superuser}
	defer postgres.drop()
	_, err = postgres.run(ctx, templateScript, topology.template()...)
	return err
}

// await waits until the process that makes the template is done with its container. One that has stopped and stays is a dead process's.
func (t template) await(ctx context.Context, docker *client.Client) error {
	name, stopped := t.maker(), time.Time{}
	return poll(ctx, func(ctx context.Context) (bool, error) {
		found, err := docker.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		if err != nil {
			return errdefs.IsNotFound(err), errIf(err, !errdefs.IsNotFound(err))
		}
		if found.Container.State.Running {
			stopped = time.Time{}
			return false, nil
		}
		if stopped.IsZero() {
			stopped = time.Now()
		}
		if time.Since(stopped) > 20*time.Second {
			return true, remove(ctx, docker, name)
		}
		return false, nil
	})
}

func errIf(err error, condition bool) error {
	if condition {
		return err
	}
	return nil
}
