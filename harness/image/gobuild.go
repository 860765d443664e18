package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is where this code is imported from.
const module = "github.com/pgcrucible/pgcrucible"

// buildPrograms builds the sandbox's programs for an architecture and returns their paths. They stay in the user's cache folder,
// so that the Go tool sees by itself that there is nothing to do: that takes a few tenths of a second.
func buildPrograms(ctx context.Context, arch string) ([]string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, unusable(err, "the Go tool is not on PATH: the sandbox image is built with it from %s", module)
	}
	source, err := moduleDir(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, filepath.Join(cache, "sandbox.lock"), nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	target := filepath.Join(cache, "sandbox-"+arch)
	if err := os.MkdirAll(target, 0o755); err != nil {
		return nil, fmt.Errorf("build sandbox programs: %w", err)
	}
	arguments := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", target + string(filepath.Separator)}
	var paths []string
	for _, program := range programs {
		arguments = append(arguments, module+"/"+program.pkg)
		paths = append(paths, filepath.Join(target, program.name))
	}
	if _, err := goTool(ctx, source, arch, arguments...); err != nil {
		return nil, unusable(err, "sandbox image: go build in %s: %s", source, oneLine(err))
	}
	return paths, nil
}

// moduleDir is where this module's source is: a checkout, the module cache, or what the user's go.mod replaces it with.
// Building there uses this module's own go.mod, so the user's needs none of our programs' dependencies.
func moduleDir(ctx context.Context) (string, error) {
	out, err := goTool(ctx, "", "", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return "", unusable(err, "sandbox image: the source of %s is not found from the working folder: %s", module, oneLine(err))
	}
	dir := strings.TrimSpace(out)
	if dir == "" {
		return "", unusable(nil, "sandbox image: the source of %s is not on this machine; run go mod download", module)
	}
	return dir, nil
}

// goTool runs the machine's Go in a folder; the user's GOFLAGS and workspace must not change what is built.
func goTool(ctx context.Context, dir, arch string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = dir
	// An empty GOFLAGS would let the one of `go env -w` through.
	command.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS=linux", "GOEXPERIMENT=")
	if arch != "" {
		command.Env = append(command.Env, "GOARCH="+arch, "GOWORK=off")
	}
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		if complaint.Len() > 0 {
			return "", errors.New(strings.TrimSpace(complaint.String()))
		}
		return "", err
	}
	return out.String(), nil
}

// CacheDir is this product's folder in the user's cache folder; it is made. Everything in it can be made again.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "pgcrucible")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", unusable(err, "cache folder %s: %v", dir, err)
	}
	return dir, nil
}
