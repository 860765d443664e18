package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

const (
	// oldestAPI is Docker 20.10, the oldest engine that the harness was tried on.
	oldestAPI, oldestEngine = "1.41", "20.10"
	// answerWithin is how long an engine may take for its first answer.
	answerWithin = 10 * time.Second
)

// Host is the address of the Docker engine and where it was found: DOCKER_HOST, else the usual socket, else that of a rootless
// engine or of Docker Desktop. It is the order of testcontainers, so that all of a run is on one engine. Docker contexts are not read.
func Host() (host, origin string) {
	return hostFrom(os.Getenv, func(path string) bool { _, err := os.Stat(path); return !errors.Is(err, fs.ErrNotExist) })
}

func hostFrom(getenv func(string) string, exists func(string) bool) (host, origin string) {
	if host := getenv("DOCKER_HOST"); host != "" {
		return host, "DOCKER_HOST"
	}
	candidates := []string{"/var/run/docker.sock"}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, "docker.sock"))
	}
	if home := getenv("HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, ".docker/run/docker.sock"), filepath.Join(home, ".docker/desktop/docker.sock"))
	}
	for _, path := range candidates {
		if exists(path) {
			return "unix://" + path, "the usual place"
		}
	}
	return "unix://" + candidates[0], "the usual place"
}

// Connect returns a client of the Docker engine that has answered and is not too old. The caller closes it.
// An engine that is not there, not permitted or too old is an *Unusable.
func Connect(ctx context.Context) (*client.Client, error) {
	host, origin := Host()
	return connect(ctx, host, origin)
}

func connect(ctx context.Context, host, origin string) (*client.Client, error) {
	docker, err := client.New(client.FromEnv, client.WithHost(host))
	if err != nil {
		return nil, unusable(err, "Docker engine %s (from %s): %v; want unix:///path or tcp://host:port", host, origin, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	ping, err := docker.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if ping.APIVersion != "" && olderAPI(ping.APIVersion, oldestAPI) {
		err = unusable(nil, "Docker engine at %s (from %s) speaks API %s: too old, want %s (Docker %s) or later",
			host, origin, ping.APIVersion, oldestAPI, oldestEngine)
	}
	if err != nil {
		return nil, errors.Join(explain(err, host, origin), docker.Close())
	}
	return docker, nil
}

// explain words why an engine did not answer. The moby client hides the cause behind its own text, so the address is tried once more.
func explain(err error, host, origin string) error {
	var known *Unusable
	if errors.As(err, &known) {
		return err
	}
	where := fmt.Sprintf("Docker engine at %s (from %s)", host, origin)
	cause := err
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		if conn, dialErr := net.DialTimeout("unix", path, answerWithin); dialErr != nil {
			cause = dialErr
		} else {
			_ = conn.Close() // it was only asked whether it can be opened
		}
	}
	switch {
	case errors.Is(cause, fs.ErrPermission):
		return unusable(cause, "%s: permission denied for uid %d; want membership of the socket's group (often docker), or root", where, os.Getuid())
	case errors.Is(cause, fs.ErrNotExist):
		return unusable(cause, "%s: no such socket; is Docker running? Set DOCKER_HOST if it listens elsewhere", where)
	case errors.Is(cause, syscall.ECONNREFUSED):
		return unusable(cause, "%s: nobody listens there; is Docker running?", where)
	case errors.Is(cause, context.DeadlineExceeded):
		return unusable(cause, "%s: no answer within %s", where, answerWithin)
	}
	return unusable(cause, "%s does not answer: %s", where, oneLine(cause))
}

// olderAPI compares versions of the form 1.41.
func olderAPI(a, b string) bool {
	var major, minor, wantMajor, wantMinor int
	_, errA := fmt.Sscanf(a, "%d.%d", &major, &minor)
	_, errB := fmt.Sscanf(b, "%d.%d", &wantMajor, &wantMinor)
	if errA != nil || errB != nil {
		return false // an engine that words its version otherwise is not judged by it
	}
	return major < wantMajor || major == wantMajor && minor < wantMinor
}

// oneLine is an error without line breaks: it goes on a terminal as one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
