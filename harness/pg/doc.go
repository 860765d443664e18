// Package pg has PostgreSQL's own words: LSN, timeline, control data, SQLSTATE classes, conninfo and identifier quoting.
//
// It is the ground floor: it imports the standard library and pgx only.
package pg
