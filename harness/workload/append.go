package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Way is how a value is appended to a list. Each takes different locks and meets different conflicts in PostgreSQL.
type Way string

// The ways to append.
const (
	Upsert       Way = "upsert"        // insert ... on conflict do update, an array
	UpdateInsert Way = "update-insert" // update, and insert if there was no row, an array
	Concat       Way = "concat"        // insert ... on conflict do update, text with commas
)

// Append is the list-append workload: transactions of one to four reads and appends of unique values over a few live keys.
// Keys, and lengths of transactions, are skewed: some lists see most of the conflicts. A list that is long enough is left
// alone, and a new key takes its place.
type Append struct {
	Shape
	Way    Way // empty: Upsert
	Keys   int // live at once; 0: 6
	Length int // appends to a key before it is left alone; 0: 60
}

const appendTable = `create table if not exists app.append (k text primary key, list bigint[] not null default '{}', words text not null default '')`

// Name says how it appends.
func (a Append) Name() string { return "append-" + string(a.way()) }

func (a Append) way() Way {
	if a.Way == "" {
		return Upsert
	}
	return a.Way
}

// Prepare makes the table.
func (a Append) Prepare(ctx context.Context, c *cluster.Cluster) error {
	return onPrimary(ctx, c, a.Name(), appendTable)
}

// Run works until ctx ends.
func (a Append) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	if a.Keys == 0 {
		a.Keys = 6
	}
	if a.Length == 0 {
		a.Length = 60
	}
	statements := map[Way]map[string]string{
		Upsert: {
			"read":   `select list from app.append where k = $1`,
			"append": `insert into app.append as a (k, list) values ($1, array[$2::bigint]) on conflict (k) do update set list = a.list || excluded.list`,
		},
		UpdateInsert: {
			"read":   `select list from app.append where k = $1`,
			"append": `update app.append set list = list || $2::bigint where k = $1`,
			"insert": `insert into app.append (k, list) values ($1, array[$2::bigint])`,
		},
		Concat: {
			"read":   `select words from app.append where k = $1`,
			"append": `insert into app.append as a (k, words) values ($1, $2::bigint::text) on conflict (k) do update set words = a.words || ',' || excluded.words`,
		},
	}[a.way()]
	config, err := a.config(c)
	if err = errors.Join(err, a.check(a.Name())); err != nil {
		return err
	}
	if statements == nil || a.Keys < 1 || a.Length < 1 {
		return fmt.Errorf("run %s: way %q with %d keys of length %d", a.Name(), a.Way, a.Keys, a.Length)
	}
	lists := newLists(a.Name(), a.Keys, a.Length, to)
	return a.run(ctx, to, func(i int) (worker, *rand.Rand) {
		s := a.session(config, i, statements)
		return &appender{name: a.Name(), isolation: a.Isolation, way: a.way(), session: s, lists: lists, to: to}, s.random
	})
}

// lists are the live keys and the values that were not used yet, shared by the clients of one run.
type lists struct {
	mu     sync.Mutex
	prefix string
	length int
	keys   []string
	used   []int // appends to each
	next   int   // number of the next key
	value  int64
}

// newLists begins keys and values where no other workload and no other run of the same record has been: values count up
// from the run's clock.
func newLists(name string, keys, length int, clock clock) *lists {
	now := clock.Now().Milliseconds()
	l := &lists{prefix: name + "-" + strconv.FormatInt(now, 36) + "-", length: length, value: now * 1000}
	for range keys {
		l.keys, l.used = append(l.keys, l.prefix+strconv.Itoa(l.next)), append(l.used, 0)
		l.next++
	}
	return l
}

// pick draws a key, the first ones much more often, and takes a value if it is to be written to.
func (l *lists) pick(random *rand.Rand, write bool) (key string, value int64) {
	u := random.Float64()
	l.mu.Lock()
	defer l.mu.Unlock()
	i := int(u * u * float64(len(l.keys)))
	key = l.keys[i]
	if write {
		l.value++
		value = l.value
		if l.used[i]++; l.used[i] >= l.length {
			l.keys[i], l.used[i] = l.prefix+strconv.Itoa(l.next), 0
			l.next++
		}
	}
	return key, value
}

// appender is one client.
type appender struct {
	name, isolation string
	way             Way
	session         *session
	lists           *lists
	to              *history.Recorder
	seq             int
}

func (a *appender) close(ctx context.Context) { a.session.drop(ctx) }

func (a *appender) work(ctx context.Context, due time.Duration) {
	a.seq++
	op := history.Op{
		Workload: a.name, Client: a.session.client, Seq: a.seq, Kind: history.Txn, Isolation: a.isolation, Scheduled: due, Call: a.to.Now(),
	}
	length := 1
	for length < 4 && a.session.random.Float64() < 0.6 {
		length++
	}
	a.session.transaction(ctx, a.to, &op, "commit", func(ctx context.Context, conn *pgx.Conn) error {
		for range length {
			if err := a.access(ctx, conn, &op); err != nil {
				return err
			}
		}
		return nil
	})
	op.Return = a.to.Now()
	a.to.Op(op)
}

// access reads or appends. A write is on record before it is sent: it may be seen whatever becomes of it.
func (a *appender) access(ctx context.Context, conn *pgx.Conn, op *history.Op) error {
	write := a.session.random.IntN(2) == 0
	key, value := a.lists.pick(a.session.random, write)
	if !write {
		list, err := a.read(ctx, conn, key)
		if err == nil {
			op.Txn = append(op.Txn, history.Access{Key: key, List: list, SQL: a.session.statements["read"]})
		}
		return err
	}
	op.Txn = append(op.Txn, history.Access{Write: true, Key: key, Value: value, SQL: a.session.statements["append"]})
	tag, err := conn.Exec(ctx, "append", key, value)
	if err == nil && a.way == UpdateInsert && tag.RowsAffected() == 0 {
		_, err = conn.Exec(ctx, "insert", key, value)
	}
	return err
}

func (a *appender) read(ctx context.Context, conn *pgx.Conn, key string) (list []int64, err error) {
	if a.way != Concat {
		err = conn.QueryRow(ctx, "read", key).Scan(&list)
	} else {
		var words string
		if err = conn.QueryRow(ctx, "read", key).Scan(&words); err == nil {
			list, err = numbers(words)
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return list, err
}

// numbers reads whole numbers with commas between them.
func numbers(text string) (list []int64, err error) {
	for word := range strings.SplitSeq(text, ",") {
		number, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", text, err)
		}
		list = append(list, number)
	}
	return list, nil
}
