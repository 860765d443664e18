package pg

import (
	"strings"
	"testing"
)

func TestQuotes(t *testing.T) {
	for _, test := range []struct{ name, got, want string }{
		{"setting", QuoteSetting(`a'b\c`), `'a''b\\c'`},
		{"empty setting", QuoteSetting(""), `''`},
		{"identifier", QuoteIdent(`a"b`), `"a""b"`},
		{"literal", QuoteLiteral(`a'b\`), `'a''b\'`},
		{"conninfo", Conninfo("host", "198.18.0.2", "user", "it's", "password", ""), `host=198.18.0.2 user='it\'s' password=''`},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s; want %s", test.name, test.got, test.want)
		}
	}
}

func FuzzQuoteSetting(f *testing.F) {
	f.Add(`a'b\c`)
	f.Fuzz(func(t *testing.T, value string) {
		quoted := QuoteSetting(value)
		inner := quoted[1 : len(quoted)-1]
		if back := strings.NewReplacer("''", "'", `\\`, `\`).Replace(inner); back != value {
			t.Errorf("%q -> %s -> %q", value, quoted, back)
		}
	})
}
