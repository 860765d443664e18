package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mirrorAnswersWithin is how long a mirror may take to show its Release file.
const mirrorAnswersWithin = 10 * time.Second

// findMirror is the first configured mirror that serves a suite of Debian, by its own Release file.
func findMirror(ctx context.Context, etc, suite string) (mirror, error) {
	candidates, err := configuredMirrors(etc)
	if err != nil {
		return mirror{}, err
	}
	var refused []string
	for _, candidate := range candidates {
		err := serves(ctx, candidate.URI, suite)
		if err == nil {
			return candidate, nil
		}
		refused = append(refused, fmt.Sprintf("%s: %s", candidate.URI, oneLine(err)))
	}
	if len(refused) == 0 {
		return mirror{}, unusable(nil, "no mirror of Debian is configured in %s", etc)
	}
	return mirror{}, unusable(nil, "no mirror configured in %s serves Debian %s: %s", etc, suite, strings.Join(refused, "; "))
}

// configuredMirrors reads APT's configuration folder, usually /etc/apt.
func configuredMirrors(etc string) ([]mirror, error) {
	paths := []string{filepath.Join(etc, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		more, err := filepath.Glob(filepath.Join(etc, "sources.list.d", pattern))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", etc, err)
		}
		paths = append(paths, more...)
	}
	var sources []source
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", etc, err)
		}
		sources = append(sources, parseSources(string(text), strings.HasSuffix(path, ".sources"))...)
	}
	var found []mirror
	for _, candidate := range mirrors(sources) {
		for _, uri := range resolveURI(candidate.URI) {
			found = append(found, mirror{URI: uri, Keyring: candidate.Keyring})
		}
	}
	return found, nil
}

// resolveURI is where a URI leads: mirror+file names a file with URIs (as Debian's cloud images have it); what can be asked for its Release file stays;
// anything else (cdrom, tor) is left out.
func resolveURI(uri string) []string {
	scheme, rest, _ := strings.Cut(uri, ":")
	switch scheme {
	case "http", "https", "file":
		return []string{strings.TrimRight(uri, "/")}
	case "mirror+file":
		text, err := os.ReadFile("/" + strings.TrimLeft(rest, "/"))
		if err != nil {
			return nil // APT would complain of it too
		}
		var found []string
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") && !strings.HasPrefix(words[0], "mirror") {
				found = append(found, resolveURI(words[0])...)
			}
		}
		return found
	}
	return nil
}

// serves asks a mirror for the suite's Release file and reads there whether it is Debian's.
func serves(ctx context.Context, uri, suite string) error {
	ctx, cancel := context.WithTimeout(ctx, mirrorAnswersWithin)
	defer cancel()
	release, err := openRelease(ctx, uri+"/dists/"+suite)
	if err != nil {
		return err
	}
	defer release.Close()
	if origin := originOf(release); origin != "Debian" {
		return fmt.Errorf("its %s is of %q, not Debian", suite, origin)
	}
	return nil
}

func openRelease(ctx context.Context, dir string) (io.ReadCloser, error) {
	if path, ok := strings.CutPrefix(dir, "file:"); ok {
		return os.Open(filepath.Join("/"+strings.TrimLeft(path, "/"), "InRelease"))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, dir+"/InRelease", nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: aptProxy(ctx), DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("status %s for dists/%s", response.Status, filepath.Base(dir)), response.Body.Close())
	}
	return response.Body, nil
}

// originOf reads the Origin field at the head of an InRelease file.
func originOf(release io.Reader) string {
	lines := bufio.NewScanner(io.LimitReader(release, 1<<16))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "Origin:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// aptProxy is the proxy that APT would use, else the environment's.
func aptProxy(ctx context.Context) func(*http.Request) (*url.URL, error) {
	return func(request *http.Request) (*url.URL, error) {
		for _, option := range aptOptions(ctx) {
			value, ok := strings.CutPrefix(option, "Acquire::"+request.URL.Scheme+"::Proxy ")
			if value = strings.Trim(value, `";`); ok && value != "" && value != "DIRECT" {
				return url.Parse(value)
			}
		}
		return http.ProxyFromEnvironment(request)
	}
}

// aptOptions are the machine's own APT settings that decide how packages are fetched, in the form of apt-config dump. mmdebstrap does
// not read them by itself.
func aptOptions(ctx context.Context) []string {
	out, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return nil // no APT, no settings of it
	}
	var kept []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries ", "Acquire::ForceIPv"} {
			if strings.HasPrefix(line, prefix) && !strings.HasSuffix(line, `"";`) {
				kept = append(kept, line)
			}
		}
	}
	return kept
}
