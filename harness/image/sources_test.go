package image

import (
	"slices"
	"strings"
	"testing"
)

const officialStanzas = `Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# http://snapshot.debian.org/archive/debian-security/20250520T000000Z
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

const nodesource = `Types: deb
URIs: https://deb.nodesource.com/node_20.x
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/nodesource.gpg
`

// tailscale uses Debian's suite, "main", and a path that ends in /debian.
const tailscale = "deb [signed-by=/usr/share/keyrings/tailscale.gpg] https://pkgs.tailscale.com/stable/debian bookworm main\n"

func TestMirrors(t *testing.T) {
	for name, test := range map[string]struct {
		deb822, lines string
		want          []string // URIs, the likeliest first
	}{
		"snapshot in a comment is not taken": {deb822: officialStanzas, want: []string{"http://deb.debian.org/debian"}},
		"third party with a suite of its own": {
			deb822: nodesource + "\n" + officialStanzas, want: []string{"http://deb.debian.org/debian"},
		},
		"third party with Debian's suite comes last": {
			deb822: officialStanzas, lines: tailscale,
			want: []string{"http://deb.debian.org/debian", "https://pkgs.tailscale.com/stable/debian"},
		},
		"a company's mirror is known by its -updates suite": {
			lines: tailscale + "deb https://apt.corp.example/debian bookworm main contrib\ndeb https://apt.corp.example/debian bookworm-updates main\n",
			want:  []string{"https://apt.corp.example/debian", "https://pkgs.tailscale.com/stable/debian"},
		},
		"switched off":          {deb822: "Enabled: no\n" + officialStanzas[:strings.Index(officialStanzas, "\n\n")+1], want: nil},
		"source packages only":  {deb822: strings.ReplaceAll(officialStanzas, "Types: deb", "Types: deb-src"), want: nil},
		"both kinds of package": {deb822: strings.ReplaceAll(officialStanzas, "Types: deb", "Types: deb deb-src"), want: []string{"http://deb.debian.org/debian"}},
		"no main":               {lines: "deb http://deb.debian.org/debian bookworm contrib\n", want: nil},
		"PGDG is not Debian":    {lines: "deb http://apt.postgresql.org/pub/repos/apt bookworm-pgdg main\n", want: nil},
		"several lines of values": {
			deb822: "Types: deb\nURIs:\n http://one.example/debian\n# http://no.example/debian\n http://two.example/debian\nSuites:\n trixie\nComponents:\n main\n",
			want:   []string{"http://one.example/debian", "http://two.example/debian"},
		},
		"a key inside the entry": {
			deb822: "Types: deb\nURIs: http://one.example/debian\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n",
			want:   []string{"http://one.example/debian"},
		},
		"one-line entries with comments and options": {
			lines: "# deb http://old.example/debian bookworm main\n  deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://ftp.de.debian.org/debian/ bookworm main # mine\ndeb-src http://src.example/debian bookworm main\n",
			want:  []string{"http://ftp.de.debian.org/debian/"},
		},
		"options without blanks":    {lines: "deb [arch=amd64]http://one.example/debian bookworm main\n", want: []string{"http://one.example/debian"}},
		"an option that never ends": {lines: "deb [arch=amd64 http://one.example/debian bookworm main\n", want: nil},
		"Windows line ends":         {deb822: strings.ReplaceAll(officialStanzas, "\n", "\r\n"), want: []string{"http://deb.debian.org/debian"}},
		"empty":                     {want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			sources := append(parseSources(test.deb822, true), parseSources(test.lines, false)...)
			var got []string
			for _, m := range mirrors(sources) {
				got = append(got, m.URI)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("mirrors %q, want %q", got, test.want)
			}
		})
	}
}

func TestKeyringIsHandedOn(t *testing.T) {
	got := mirrors(parseSources(officialStanzas, true))
	if len(got) != 1 || got[0].Keyring != "/usr/share/keyrings/debian-archive-keyring.gpg" {
		t.Errorf("mirrors %+v, want the keyring of the entry", got)
	}
}

// FuzzParseSources: whatever stands in a file, parsing ends, and what it finds could be given to mmdebstrap as one word each.
func FuzzParseSources(f *testing.F) {
	for _, seed := range []string{officialStanzas, nodesource, tailscale, "deb [", "deb [] a b", ": x\n y\n", "Types: deb\nURIs: \x00\nSuites: sid\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, deb822 bool) {
		for _, entry := range parseSources(text, deb822) {
			if len(entry.URIs) == 0 || len(entry.Suites) == 0 {
				t.Fatalf("an entry without address or suite: %+v", entry)
			}
			for _, word := range slices.Concat(entry.URIs, entry.Suites, entry.Components) {
				if word == "" || strings.ContainsAny(word, " \t\r\n") {
					t.Fatalf("not one word: %q", word)
				}
			}
			if entry.SignedBy != "" && !strings.HasPrefix(entry.SignedBy, "/") {
				t.Fatalf("keyring %q is no file", entry.SignedBy)
			}
		}
	})
}
