package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// sandboxRepository is where sandbox images are tagged, by a hash of what is in them.
const sandboxRepository = "pgcrucible/sandbox"

// programs of the sandbox image: name in its root folder -> package below this module.
var programs = [...]struct{ name, pkg string }{
	{"agent", "fault/agent"},
	{"clock", "fault/clock"},
	{"reaper", "harness/session/reaper"},
}

// sandbox makes sure that the engine has an image FROM scratch with this module's own programs, and returns its reference.
// The reference holds a hash of the programs, so an image of other sources is never taken for it.
func sandbox(ctx context.Context, docker *client.Client, log func(string)) (string, error) {
	arch, err := architecture(ctx, docker)
	if err != nil {
		return "", err
	}
	files, err := buildPrograms(ctx, arch)
	if err != nil {
		return "", err
	}
	layer, err := archive(files)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(layer)
	reference := sandboxRepository + ":" + hex.EncodeToString(sum[:8])
	switch _, err := docker.ImageInspect(ctx, reference); {
	case err == nil:
		return reference, nil
	case !errdefs.IsNotFound(err):
		return "", fmt.Errorf("look for image %s: %w", reference, err)
	}
	log("sandbox image: built " + reference)
	changes := []string{`ENTRYPOINT ["/agent"]`}
	return reference, importImage(ctx, docker, bytes.NewReader(layer), reference, changes)
}

func architecture(ctx context.Context, docker *client.Client) (string, error) {
	version, err := docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the engine for its architecture: %w", err)
	}
	if version.Os != "linux" {
		return "", unusable(nil, "Docker engine runs %s containers; want linux", version.Os)
	}
	return version.Arch, nil
}

// archive is a tar of executables in the root folder. Equal files give equal bytes: no times, no owners.
func archive(paths []string) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("pack sandbox image: %w", err)
		}
		header := tar.Header{Name: filepath.Base(path), Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("pack sandbox image: %w", err)
		}
		if _, err := writer.Write(content); err != nil {
			return nil, fmt.Errorf("pack sandbox image: %w", err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("pack sandbox image: %w", err)
	}
	return out.Bytes(), nil
}

// importImage makes an image of one layer; changes are lines of a Dockerfile.
func importImage(ctx context.Context, docker *client.Client, layer io.Reader, reference string, changes []string) error {
	source := client.ImageImportSource{Source: layer, SourceName: "-"}
	answer, err := docker.ImageImport(ctx, source, reference, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("import image %s: %w", reference, err)
	}
	_, err = io.Copy(io.Discard, answer)
	if err = errors.Join(err, answer.Close()); err != nil {
		return fmt.Errorf("import image %s: %w", reference, err)
	}
	// The answer is a stream that ends well even if the import did not: only looking tells.
	if _, err := docker.ImageInspect(ctx, reference); err != nil {
		return fmt.Errorf("import image %s: the engine took it but does not have it: %w", reference, err)
	}
	return nil
}
