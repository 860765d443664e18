package fault

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Kind is what a parameter's value is.
type Kind string

// The kinds.
const (
	KindNode     Kind = "node"     // primary, standby, standbys, or a node's name
	KindEnd      Kind = "end"      // the same, or clients, or all
	KindProcess  Kind = "process"  // a kind of PostgreSQL process
	KindDuration Kind = "duration" // 1.5s, 100ms; above 0, or 0 if that is the default
	KindShare    Kind = "share"    // 0 to 1
	KindInt      Kind = "integer"  // 0 or more
	KindBool     Kind = "boolean"  // true or false
	KindWord     Kind = "word"     // one of Param.Words
)

// Args are the values of a fault's parameters, one for each, checked.
type Args map[string]string

var nodeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`) // as harness/cluster has them

// processes are those that a parameter can name.
func processes() []string {
	return []string{
		string(cluster.Postmaster), string(cluster.WALReceiver), string(cluster.WALSender), string(cluster.Startup),
		string(cluster.Checkpointer), string(cluster.Archiver), string(cluster.WALWriter), string(cluster.Backend),
	}
}

// check says what is wrong with a value.
func (p Param) check(word string) error {
	switch p.Kind {
	case KindNode, KindEnd:
		return p.checkTarget(word)
	case KindProcess:
		return oneOf(word, processes())
	case KindWord:
		return oneOf(word, p.Words)
	case KindDuration:
		if d, err := time.ParseDuration(word); err != nil || d < 0 || (d == 0 && word != p.Default) {
			return fmt.Errorf("%q is no time above 0, such as 1.5s", word)
		}
	case KindShare:
		if share, err := strconv.ParseFloat(word, 64); err != nil || !(share >= 0 && share <= 1) {
			return fmt.Errorf("%q is no share from 0 to 1", word)
		}
	case KindInt:
		if n, err := strconv.ParseInt(word, 10, 64); err != nil || n < 0 {
			return fmt.Errorf("%q is no integer from 0", word)
		}
	case KindBool:
		return oneOf(word, []string{"true", "false"})
	default:
		return fmt.Errorf("kind %q is not known", p.Kind)
	}
	return nil
}

// checkTarget refuses what can be no target. A word that is no role must be a node's name with a digit, so that a role
// misspelt is not taken for a node.
func (p Param) checkTarget(word string) error {
	roles := []string{wordPrimary, wordStandby, wordStandbys}
	if p.Kind == KindEnd {
		roles = append(roles, wordClients, wordAll)
	}
	if slices.Contains(roles, word) {
		return nil
	}
	if !nodeName.MatchString(word) || !strings.ContainsAny(word, "0123456789") {
		return fmt.Errorf("unknown role %q: want %s, or a node such as pg1", word, strings.Join(roles, ", "))
	}
	return nil
}

func oneOf(word string, words []string) error {
	if !slices.Contains(words, word) {
		return fmt.Errorf("%q is none of %s", word, strings.Join(words, ", "))
	}
	return nil
}

// The values below were checked by Build, so their conversion cannot fail.

func (a Args) target(name string) Target           { return Target{a[name]} }
func (a Args) bool(name string) bool               { return a[name] == "true" }
func (a Args) process(name string) cluster.Process { return cluster.Process(a[name]) }

func (a Args) duration(name string) time.Duration {
	d, _ := time.ParseDuration(a[name])
	return d
}

func (a Args) share(name string) float64 {
	share, _ := strconv.ParseFloat(a[name], 64)
	return share
}

func (a Args) int(name string) int64 {
	n, _ := strconv.ParseInt(a[name], 10, 64)
	return n
}
