package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// fakeEngine answers on a socket like an engine of some API version; handle has the rest of its paths.
func fakeEngine(t *testing.T, api string, handle http.HandlerFunc) (host string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			w.Header().Set("Api-Version", api)
			return
		}
		handle(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "unix://" + socket
}

func fakeDocker(t *testing.T, handle http.HandlerFunc) *client.Client {
	t.Helper()
	docker, err := connect(t.Context(), fakeEngine(t, "1.41", handle), "a test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	return docker
}

// wantLine checks that err is an *Unusable of one line with all the parts.
func wantLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	var line *Unusable
	if !errors.As(err, &line) {
		t.Fatalf("got %v, want an *Unusable", err)
	}
	for _, part := range parts {
		if !strings.Contains(line.Error(), part) {
			t.Errorf("said %q, want it to name %q", line, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("said more than one line: %q", err)
	}
}

func TestConnectSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	broken := fakeEngine(t, "", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sick", http.StatusInternalServerError) })
	for name, test := range map[string]struct {
		host  string
		parts []string
	}{
		"no socket":          {"unix://" + dir + "/none.sock", []string{"none.sock", "DOCKER_HOST", "no such socket", "is Docker running?"}},
		"nobody listens":     {"unix://" + dead, []string{"dead.sock", "nobody listens", "is Docker running?"}},
		"nobody on a port":   {"tcp://127.0.0.1:1", []string{"tcp://127.0.0.1:1", "DOCKER_HOST"}},
		"no address":         {"docker", []string{"docker", "DOCKER_HOST", "want unix:///path or tcp://host:port"}},
		"too old":            {fakeEngine(t, "1.40", http.NotFound), []string{"API 1.40", "too old", "want 1.41 (Docker 20.10) or later"}},
		"older than we know": {fakeEngine(t, "1.24", http.NotFound), []string{"API 1.24", "too old"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t.Context(), test.host, "DOCKER_HOST")
			wantLine(t, err, test.parts...)
		})
	}
	if docker, err := connect(t.Context(), broken, "a test"); err == nil { // it answers, so later calls will say what is wrong
		_ = docker.Close()
	}
}

func TestConnectDoesNotWaitForASilentEngine(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "silent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = connect(ctx, "unix://"+listener.Addr().String(), "a test")
	wantLine(t, err, "silent.sock")
}

// notPermitted is set in the child that TestConnectNotPermitted runs as somebody else.
const notPermitted = "PGCRUCIBLE_TEST_NOT_PERMITTED"

func TestConnectNotPermitted(t *testing.T) {
	if host := os.Getenv(notPermitted); host != "" {
		_, err := connect(t.Context(), host, "DOCKER_HOST")
		wantLine(t, err, host, "permission denied for uid 65534", "docker")
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody who may not")
	}
	host := fakeEngine(t, "1.41", http.NotFound)
	path := strings.TrimPrefix(host, "unix://")
	for dir := filepath.Dir(path); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(filepath.Dir(path), "self") // the build folder of go test is closed to others
	if err := os.WriteFile(self, program, 0o755); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=TestConnectNotPermitted")
	child.Dir, child.Env = "/", append(os.Environ(), notPermitted+"="+host, "HOME=/")
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestHostIsFoundAsTestcontainersFindsIt(t *testing.T) {
	for name, test := range map[string]struct {
		env    map[string]string
		exists string
		want   string
	}{
		"DOCKER_HOST":    {map[string]string{"DOCKER_HOST": "tcp://far:2375"}, "/var/run/docker.sock", "tcp://far:2375"},
		"usual":          {map[string]string{"HOME": "/home/x"}, "/var/run/docker.sock", "unix:///var/run/docker.sock"},
		"rootless":       {map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/docker.sock", "unix:///run/user/7/docker.sock"},
		"Docker Desktop": {map[string]string{"HOME": "/home/x"}, "/home/x/.docker/desktop/docker.sock", "unix:///home/x/.docker/desktop/docker.sock"},
		"none":           {nil, "", "unix:///var/run/docker.sock"},
	} {
		host, _ := hostFrom(func(key string) string { return test.env[key] }, func(path string) bool { return path == test.exists })
		if host != test.want {
			t.Errorf("%s: host %q, want %q", name, host, test.want)
		}
	}
}

func TestOlderAPI(t *testing.T) {
	for _, test := range []struct {
		api   string
		older bool
	}{{"1.40", true}, {"1.41", false}, {"1.9", true}, {"1.100", false}, {"2.0", false}, {"0.1", true}, {"new", false}} {
		if got := olderAPI(test.api, oldestAPI); got != test.older {
			t.Errorf("olderAPI(%q) = %v", test.api, got)
		}
	}
}

func TestDiskNearlyFull(t *testing.T) {
	free := func(bytes uint64, err error) func(string) (uint64, error) {
		return func(string) (uint64, error) { return bytes, err }
	}
	wantLine(t, enoughSpace("/var/lib/docker", runSpace, "the engine's root folder", free(1<<30, nil)),
		"disk nearly full", "1.0 GiB free", "/var/lib/docker", "the engine's root folder", "want 2.0 GiB")
	if err := enoughSpace("/x", runSpace, "", free(runSpace, nil)); err != nil {
		t.Errorf("just enough is refused: %v", err)
	}
	if err := enoughSpace("/x", runSpace, "", free(0, os.ErrPermission)); err != nil {
		t.Errorf("what cannot be seen is refused: %v", err)
	}
	if have, err := freeSpace(t.TempDir()); err != nil || have == 0 {
		t.Errorf("free space %d, error %v", have, err)
	}
}

func TestSpaceIsTheEnginesOwn(t *testing.T) {
	docker := fakeDocker(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"DockerRootDir": "/proc"}) // a folder with no space at all
	})
	wantLine(t, checkSpace(t.Context(), docker), "disk nearly full: 0.0 GiB free at /proc")
}

func TestPull(t *testing.T) {
	quick := patience{begins: 300 * time.Millisecond, stalls: 300 * time.Millisecond}
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		want   string // part of the error; empty: it is pulled
	}{
		"pulled": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"status":"Download complete"}`) }, ""},
		"no registry": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintln(w, `{"message":"dial tcp: lookup registry-1.docker.io: no such host"}`)
		}, "no such host"},
		"fails on the way": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, `{"status":"Pulling fs layer"}`)
			fmt.Fprintln(w, `{"errorDetail":{"message":"unexpected EOF"},"error":"unexpected EOF"}`)
		}, "unexpected EOF"},
		"silent registry": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "does not answer in time"},
		"stalls on the way": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"status":"Pulling fs layer"}`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "does not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			err := pull(t.Context(), fakeDocker(t, test.handle), "postgres:17", quick, func(string) {})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestNamedImage(t *testing.T) {
	absent := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"message":"no such image or manifest unknown (%s)"}`, r.Method)
	}
	for image, parts := range map[string][]string{
		"nowhere/none:1": {`image "nowhere/none:1" does not exist`, "not on the engine", "manifest unknown"},
		"Not A Name":     {`image "Not A Name"`, "not an image name", "want NAME or NAME:TAG"},
	} {
		r := newResolver(fakeDocker(t, absent), Want{Image: image}, func(string) {})
		var ready Ready
		wantLine(t, r.resolve(t.Context(), &ready), parts...)
	}
}
