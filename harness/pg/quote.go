package pg

import "strings"

// QuoteSetting quotes a value for postgresql.conf (documentation, "Parameter Interaction via the Configuration File"):
// in single quotes, a quote or a backslash doubled.
func QuoteSetting(value string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(value) + "'"
}

// Conninfo makes a connection string of keyword, value, keyword, value, ...
func Conninfo(pairs ...string) string {
	words := make([]string, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		words = append(words, pairs[i]+"="+QuoteConninfo(pairs[i+1]))
	}
	return strings.Join(words, " ")
}

// QuoteIdent quotes an SQL identifier.
func QuoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// QuoteLiteral quotes an SQL string literal; it needs standard_conforming_strings, which is on since PostgreSQL 9.1.
func QuoteLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
