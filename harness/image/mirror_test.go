package image

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archiveServer serves Release files: path -> Origin.
func archiveServer(t *testing.T, origins map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, ok := origins[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: %s\nLabel: x\nSuite: stable\n", origin)
	}))
	t.Cleanup(server.Close)
	return server
}

func etcWith(t *testing.T, files map[string]string) string {
	t.Helper()
	etc := t.TempDir()
	for name, text := range files {
		path := filepath.Join(etc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return etc
}

func TestFindMirrorBelievesTheReleaseFile(t *testing.T) {
	server := archiveServer(t, map[string]string{
		"/stable/debian/dists/trixie/InRelease": "Tailscale",
		"/debian/dists/trixie/InRelease":        "Debian",
		"/debian/dists/bookworm/InRelease":      "Debian",
	})
	etc := etcWith(t, map[string]string{
		"sources.list.d/a-vpn.list":     "deb " + server.URL + "/stable/debian bookworm main\n",
		"sources.list.d/debian.sources": "Types: deb\nURIs: " + server.URL + "/debian/\nSuites: bookworm\nComponents: main\n",
		"sources.list.d/off.sources.no": "Types: deb\nURIs: http://none.invalid/debian\nSuites: bookworm\nComponents: main\n",
	})
	found, err := findMirror(t.Context(), etc, "trixie")
	if err != nil || found.URI != server.URL+"/debian" {
		t.Errorf("mirror %q, error %v; want %s/debian", found.URI, err, server.URL)
	}
	_, err = findMirror(t.Context(), etc, "sid")
	if err == nil || !strings.Contains(err.Error(), "sid") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v; want one line that names the suite", err)
	}
	_, err = findMirror(t.Context(), t.TempDir(), "sid")
	if err == nil || !strings.Contains(err.Error(), "no mirror of Debian is configured in ") {
		t.Errorf("error %v; want that none is configured", err)
	}
}

func TestMirrorFileLeadsToItsAddresses(t *testing.T) {
	list := filepath.Join(t.TempDir(), "debian.list")
	if err := os.WriteFile(list, []byte("# ours\nhttps://deb.debian.org/debian priority:1\nmirror+file:"+list+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for uri, want := range map[string]string{
		"mirror+file://" + list:         "https://deb.debian.org/debian",
		"mirror+file:" + list:           "https://deb.debian.org/debian",
		"http://deb.debian.org/debian/": "http://deb.debian.org/debian",
		"cdrom:[Debian":                 "",
		"tor+http://x.onion/debian":     "",
		"mirror+file:/no/such":          "",
	} {
		if got := strings.Join(resolveURI(uri), " "); got != want {
			t.Errorf("resolveURI(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestReleaseFileOfAFolder(t *testing.T) {
	dir := etcWith(t, map[string]string{"dists/sid/InRelease": "Origin: Debian\n", "dists/other/InRelease": "Origin: Ubuntu\n"})
	if err := serves(t.Context(), "file://"+dir, "sid"); err != nil {
		t.Error(err)
	}
	if err := serves(t.Context(), "file:"+dir, "other"); err == nil || !strings.Contains(err.Error(), "Ubuntu") {
		t.Errorf("error %v; want one that names the origin", err)
	}
}
