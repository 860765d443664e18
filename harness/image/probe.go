package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

const (
	// oldestPostgres has everything the procedure uses (pg_rewind --config-file).
	oldestPostgres = 15
	probeWithin    = time.Minute
)

// probeScript says what an image lacks, a line each, and which PostgreSQL it has. It uses the shell's own words only.
const probeScript = `
for program in postgres initdb pg_ctl pg_controldata pg_basebackup pg_rewind; do
  command -v "$program" >/dev/null || echo "lacks $program"
done
known=
while IFS=: read -r user rest; do [ "$user" != postgres ] || known=1; done </etc/passwd
[ -n "$known" ] || echo "nouser"
echo "version $(postgres --version 2>/dev/null)"
`

// findings is what a probe saw.
type findings struct {
	Version string // 17.11
	Lacks   []string
	NoUser  bool
}

// probe runs the image once without network and returns its PostgreSQL's version. An image that cannot be used is an *Unusable in the words
// of name. A good answer is remembered by the image's id, which is a hash of what is in it.
func probe(ctx context.Context, docker *client.Client, name, id string) (string, error) {
	memory := probeMemory(id)
	if text, err := os.ReadFile(memory); err == nil {
		var seen findings
		if json.Unmarshal(text, &seen) == nil && seen.judge(name) == nil {
			return seen.Version, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	out, err := runOnce(ctx, docker, id, probeScript)
	if err != nil {
		return "", unusable(err, "image %q cannot run a POSIX shell: %s", name, oneLine(err))
	}
	seen := parseFindings(out)
	if err := seen.judge(name); err != nil {
		return "", err
	}
	if text, err := json.Marshal(seen); err == nil && memory != "" {
		_ = os.WriteFile(memory, text, 0o600) // not remembered: probed again
	}
	return seen.Version, nil
}

func probeMemory(id string) string {
	cache, err := CacheDir()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(id + probeScript))
	return filepath.Join(cache, "probe-"+hex.EncodeToString(sum[:12])+".json")
}

func parseFindings(out string) findings {
	var seen findings
	for line := range strings.Lines(out) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "lacks":
			seen.Lacks = append(seen.Lacks, rest)
		case "nouser":
			seen.NoUser = true
		case "version": // postgres (PostgreSQL) 17.11 (Debian 17.11-0+deb13u1)
			if words := strings.Fields(rest); len(words) >= 3 {
				seen.Version = words[2]
			}
		}
	}
	return seen
}

// judge says in one line why an image cannot be used, or nothing.
func (f findings) judge(name string) error {
	switch major := f.major(); {
	case len(f.Lacks) > 0:
		return unusable(nil, "image %q has no %s on its PATH; want a PostgreSQL server image with all of PostgreSQL's programs on PATH", name, strings.Join(f.Lacks, ", "))
	case f.NoUser:
		return unusable(nil, "image %q has no user postgres in /etc/passwd; the server runs as that user", name)
	case major == 0:
		return unusable(nil, "image %q: postgres --version says %q; want a version number", name, f.Version)
	case major < oldestPostgres:
		return unusable(nil, "image %q has PostgreSQL %s; want %d or later", name, f.Version, oldestPostgres)
	}
	return nil
}

// major is the number before the first dot, beta or rc; 0 if there is none.
func (f findings) major() int {
	digits := f.Version
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	major, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return major
}

// createWithin is the most that an engine may take to make a container.
const createWithin = 30 * time.Second

// runOnce runs a shell script in a throw-away container, without network, and returns what it wrote.
func runOnce(ctx context.Context, docker *client.Client, id, script string) (string, error) {
	// Not ended with ctx: an engine makes what it was asked for although nobody waits for the answer, and then nobody knows its name.
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), createWithin)
	defer cancel()
	made, err := docker.ContainerCreate(creating, client.ContainerCreateOptions{
		Config: &container.Config{
			Image: id, Entrypoint: []string{"sh", "-c"}, Cmd: []string{script}, User: "0",
			AttachStdout: true, AttachStderr: true, Labels: map[string]string{"io.pgcrucible": "true"},
		},
		HostConfig: &container.HostConfig{NetworkMode: "none", AutoRemove: true},
	})
	if err != nil {
		return "", err
	}
	defer func() {
		_, err := docker.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		_ = err // it removes itself; this is for the case that it never started
	}()
	attached, err := docker.ContainerAttach(ctx, made.ID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return "", err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	if _, err := docker.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return "", err
	}
	var out, complaint bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &complaint, attached.Reader); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if out.Len() == 0 {
		return "", fmt.Errorf("it said nothing: %s", strings.TrimSpace(complaint.String()))
	}
	return out.String(), ctx.Err()
}

// hasImage looks whether the engine has an image.
func hasImage(ctx context.Context, docker *client.Client, reference string) (bool, error) {
	_, err := docker.ImageInspect(ctx, reference)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for image %s: %w", reference, err)
	}
	return true, nil
}
