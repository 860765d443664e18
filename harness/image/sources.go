package image

import (
	"net/url"
	"slices"
	"sort"
	"strings"
)

// source is one entry of APT's configuration: where packages come from.
type source struct {
	URIs, Suites, Components []string
	SignedBy                 string // a keyring file; empty if none is named or the key stands in the entry itself
}

// parseSources reads entries of type deb that are switched on: deb822 stanzas (*.sources) or one-line entries (*.list), see sources.list(5).
// What it does not understand it leaves out: a wrong entry is APT's business, not ours.
func parseSources(text string, deb822 bool) []source {
	if deb822 {
		return parseStanzas(text)
	}
	var found []source
	for line := range strings.Lines(text) {
		if entry, ok := parseOneLine(line); ok {
			found = append(found, entry)
		}
	}
	return found
}

// parseStanzas reads deb822. A comment may stand between a field and its value's next line, and may hold an address that must not be taken.
func parseStanzas(text string) []source {
	var found []source
	fields, last := map[string]string{}, ""
	end := func() {
		if entry, ok := fromStanza(fields); ok {
			found = append(found, entry)
		}
		fields, last = map[string]string{}, ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n\t ")
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			end()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + strings.TrimSpace(line)
		default:
			name, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(name))
			fields[last] = strings.TrimSpace(value)
		}
	}
	end()
	return found
}

func fromStanza(fields map[string]string) (source, bool) {
	if !slices.Contains(strings.Fields(fields["types"]), "deb") || isNo(fields["enabled"]) {
		return source{}, false
	}
	entry := source{
		URIs: strings.Fields(fields["uris"]), Suites: strings.Fields(fields["suites"]),
		Components: strings.Fields(fields["components"]), SignedBy: keyringOf(fields["signed-by"]),
	}
	return entry, len(entry.URIs) > 0 && len(entry.Suites) > 0
}

// isNo knows APT's words for false.
func isNo(word string) bool {
	return slices.Contains([]string{"no", "false", "without", "off", "disable", "0"}, strings.ToLower(word))
}

// keyringOf is the file that Signed-By names; a key that stands there itself is none.
func keyringOf(value string) string {
	if fields := strings.Fields(value); len(fields) > 0 && strings.HasPrefix(fields[0], "/") {
		return fields[0]
	}
	return ""
}

// parseOneLine reads: deb [ option=value ... ] uri suite component ...
func parseOneLine(line string) (source, bool) {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line, "[", " [ "), "]", " ] "))
	if len(words) < 3 || words[0] != "deb" {
		return source{}, false
	}
	words = words[1:]
	var entry source
	if words[0] == "[" {
		end := slices.Index(words, "]")
		if end < 0 {
			return source{}, false
		}
		for _, option := range words[1:end] {
			if value, ok := strings.CutPrefix(option, "signed-by="); ok {
				entry.SignedBy = keyringOf(value)
			}
		}
		words = words[end+1:]
	}
	if len(words) < 2 {
		return source{}, false
	}
	entry.URIs, entry.Suites, entry.Components = words[:1], words[1:2], words[2:]
	return entry, true
}

// mirror is a place that serves Debian's main archive, as far as its configuration tells.
type mirror struct {
	URI     string
	Keyring string
	score   int
}

// debianSuites are the names under which Debian's main archive is configured.
var debianSuites = [...]string{
	"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid",
	"buster", "bullseye", "bookworm", "trixie", "forky", "duke",
}

// mirrors picks the entries that may be Debian's main archive, the likeliest first. Third parties use Debian's suite names and
// "main" too, so the keyring, the -updates suite beside it and the host only order them: what a mirror really is, its Release file says.
func mirrors(sources []source) []mirror {
	var found []mirror
	for _, entry := range sources {
		if !slices.Contains(entry.Components, "main") || !slices.ContainsFunc(entry.Suites, isDebianSuite) {
			continue
		}
		for _, uri := range entry.URIs {
			found = append(found, mirror{URI: uri, Keyring: entry.SignedBy, score: likelihood(uri, entry, sources)})
		}
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].score > found[b].score })
	return found
}

func isDebianSuite(suite string) bool { return slices.Contains(debianSuites[:], suite) }

func likelihood(uri string, entry source, all []source) int {
	score := 0
	if strings.Contains(entry.SignedBy, "/debian-archive-") {
		score += 4
	}
	if parsed, err := url.Parse(uri); err == nil && (parsed.Hostname() == "debian.org" || strings.HasSuffix(parsed.Hostname(), ".debian.org")) {
		score += 2
	}
	if slices.ContainsFunc(all, func(other source) bool {
		return slices.Contains(other.URIs, uri) && slices.ContainsFunc(other.Suites, func(s string) bool { return strings.HasSuffix(s, "-updates") })
	}) {
		score++
	}
	return score
}
