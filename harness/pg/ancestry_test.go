package pg

import (
	"strings"
	"testing"
)

func TestParseAncestry(t *testing.T) {
	found, err := ParseAncestry("1\t0/3000060\tno recovery target specified\n\n# a comment\n2\t0/5000148\tno recovery target specified\n")
	if err != nil || len(found) != 2 {
		t.Fatalf("got %v, %v", found, err)
	}
	if found[1] != (Ancestor{2, 0x5000148, "no recovery target specified"}) {
		t.Errorf("second: %+v", found[1])
	}
	for text, want := range map[string]string{
		"1":                        "line 1",
		"x\t0/1\tr":                "timeline \"x\"",
		"1\t0-1\tr":                "LSN",
		"2\t0/1\tr\n1\t0/2\tr":     "line 2: timeline 1 does not follow 2",
		"99999999999999\t0/1\tr\n": "out of range",
	} {
		if _, err := ParseAncestry(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzParseAncestry(f *testing.F) {
	f.Add("1\t0/3000060\tno recovery target specified\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := ParseAncestry(text)
		if err != nil && found != nil {
			t.Error("both a result and an error")
		}
	})
}
