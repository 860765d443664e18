package pg

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The example of RFC 7677: user "user", password "pencil". StoredKey and ServerKey follow from its salt.
func TestScramVerifier(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scramVerifier("pencil", salt, 4096)
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestScramVerifierIsSalted(t *testing.T) {
	one, err := ScramVerifier("pencil")
	if err != nil {
		t.Fatal(err)
	}
	two, err := ScramVerifier("pencil")
	if err != nil || one == two || strings.Contains(one, "pencil") {
		t.Errorf("%s and %s, %v", one, two, err)
	}
	if _, err := ScramVerifier("pässword"); err == nil {
		t.Error("took a password that SASLprep might change")
	}
}
