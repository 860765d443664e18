package pg

import (
	"fmt"
	"strings"
)

// CutPassword takes the password out of a libpq connection string of keywords and values, so that the rest may stand in a
// command line. A missing password is "". The rules for blanks, quotes and backslashes are libpq's (documentation,
// "Keyword/Value Connection Strings").
func CutPassword(conninfo string) (rest, password string, err error) {
	var words []string
	for left := strings.TrimLeft(conninfo, blanks); left != ""; left = strings.TrimLeft(left, blanks) {
		keyword, after, found := strings.Cut(left, "=")
		if !found || strings.Trim(keyword, blanks) == "" {
			return "", "", fmt.Errorf("connection string: a keyword without a value")
		}
		value, remaining, err := conninfoValue(strings.TrimLeft(after, blanks))
		if err != nil {
			return "", "", err
		}
		if keyword = strings.Trim(keyword, blanks); keyword == "password" {
			password = value
		} else {
			words = append(words, keyword+"="+QuoteConninfo(value))
		}
		left = remaining
	}
	return strings.Join(words, " "), password, nil
}

const blanks = " \t\n\r\v\f"

// conninfoValue reads one value from the beginning of text and returns what comes after it.
func conninfoValue(text string) (value, rest string, err error) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			out.WriteByte(text[i])
		case quoted && c == '\'':
			return out.String(), text[i+1:], nil
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return out.String(), text[i:], nil
		case c == '\\':
		default:
			out.WriteByte(c)
		}
	}
	if quoted {
		return "", "", fmt.Errorf("connection string: a quoted value without its end")
	}
	return out.String(), "", nil
}

// QuoteConninfo makes one value of a libpq connection string of any text.
func QuoteConninfo(value string) string {
	if value != "" && !strings.ContainsAny(value, blanks+`'\`) {
		return value
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
