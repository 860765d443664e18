package pg

import "testing"

func TestCutPassword(t *testing.T) {
	for _, c := range []struct{ in, rest, password string }{
		{"host=10.0.0.1 port=5432 user=rewind password=secret dbname=app", "host=10.0.0.1 port=5432 user=rewind dbname=app", "secret"},
		{"host=a", "host=a", ""},
		{"", "", ""},
		{`password = 'two \'words\' \\' user=u`, "user=u", `two 'words' \`},
		{`user='' password=a\ b options='-c x=1'`, `user='' options='-c x=1'`, "a b"},
	} {
		rest, password, err := CutPassword(c.in)
		if err != nil || rest != c.rest || password != c.password {
			t.Errorf("%q: %q, %q, %v", c.in, rest, password, err)
		}
	}
	for _, bad := range []string{"host", "=a", "password='open", "a=b c"} {
		if _, _, err := CutPassword(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzCutPassword(f *testing.F) {
	f.Add("secret", "v")
	f.Add(`it's \ "`, " ")
	f.Fuzz(func(t *testing.T, password, value string) {
		in := "host=" + QuoteConninfo(value) + " password=" + QuoteConninfo(password) + " port=1"
		rest, got, err := CutPassword(in)
		if err != nil || got != password || rest != "host="+QuoteConninfo(value)+" port=1" {
			t.Errorf("%q: %q, %q, %v", in, rest, got, err)
		}
		_, _, _ = CutPassword(value) // any text: it must not panic
	})
}
