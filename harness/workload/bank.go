package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// Bank moves money between accounts and reads all balances: the total never changes and no balance is below 0.
// Every run has accounts of its own, opened by its first operation.
type Bank struct {
	Shape
	Accounts int   // 0: 8; at least 2
	Opening  int64 // of each account; 0: 100
}

const bankTable = `create table if not exists app.bank (account text primary key, balance bigint not null check (balance >= 0))`

// Name is that of its table.
func (b Bank) Name() string { return "bank" }

// Prepare makes the table.
func (b Bank) Prepare(ctx context.Context, c *cluster.Cluster) error {
	return onPrimary(ctx, c, b.Name(), bankTable)
}

// Run opens the accounts and works until ctx ends. That the accounts could not be opened is an error.
func (b Bank) Run(ctx context.Context, c *cluster.Cluster, to *history.Recorder) error {
	if b.Accounts == 0 {
		b.Accounts = 8
	}
	if b.Opening == 0 {
		b.Opening = 100
	}
	config, err := b.config(c)
	if err = errors.Join(err, b.check(b.Name())); err != nil {
		return err
	}
	if b.Accounts < 2 || b.Opening < 1 {
		return fmt.Errorf("run bank: %d accounts of %d: want two accounts or more with something in them", b.Accounts, b.Opening)
	}
	var accounts []string
	prefix := "b" + strconv.FormatInt(to.Now().Milliseconds(), 36) + "-"
	for i := range b.Accounts {
		accounts = append(accounts, prefix+strconv.Itoa(i))
	}
	statements := map[string]string{
		"open":     `insert into app.bank (account, balance) values ($1, $2)`,
		"add":      `update app.bank set balance = balance + $2 where account = $1 and balance + $2 >= 0`,
		"balances": `select account, balance from app.bank where account = any($1) order by account`,
	}
	teller := func(i int) *teller {
		return &teller{bank: b, accounts: accounts, session: b.session(config, i, statements), to: to}
	}
	first := teller(b.Clients) // a client of its own
	defer first.close(ctx)
	if err := first.open(ctx); err != nil {
		return err
	}
	return b.run(ctx, to, func(i int) (worker, *rand.Rand) {
		w := teller(i)
		return w, w.session.random
	})
}

// teller is one client.
type teller struct {
	bank     Bank
	accounts []string
	session  *session
	to       *history.Recorder
	seq      int
}

func (t *teller) close(ctx context.Context) { t.session.drop(ctx) }

func (t *teller) op(kind history.Kind, due time.Duration) history.Op {
	t.seq++
	return history.Op{
		Workload: t.bank.Name(), Client: t.session.client, Seq: t.seq, Kind: kind, Isolation: t.bank.Isolation, Scheduled: due, Call: t.to.Now(),
	}
}

func (t *teller) open(ctx context.Context) error {
	op := t.op(history.Deposit, t.to.Now())
	t.session.transaction(ctx, t.to, &op, "commit", func(ctx context.Context, conn *pgx.Conn) error {
		for _, account := range t.accounts {
			op.Txn = append(op.Txn, history.Access{Write: true, Key: account, Value: t.bank.Opening})
			if _, err := conn.Exec(ctx, "open", account, t.bank.Opening); err != nil {
				return err
			}
		}
		return nil
	})
	op.Return = t.to.Now()
	t.to.Op(op)
	if op.Outcome != history.OK {
		return fmt.Errorf("run bank: open the accounts: %v: %s", op.Outcome, op.Err)
	}
	return nil
}

func (t *teller) work(ctx context.Context, due time.Duration) {
	var op history.Op
	if t.session.random.IntN(2) == 0 {
		op = t.op(history.Balances, due)
		t.session.transaction(ctx, t.to, &op, "commit", func(ctx context.Context, conn *pgx.Conn) error {
			return t.balances(ctx, conn, &op)
		})
	} else {
		op = t.op(history.Transfer, due)
		t.session.transaction(ctx, t.to, &op, "commit", func(ctx context.Context, conn *pgx.Conn) error {
			return t.transfer(ctx, conn, &op)
		})
	}
	op.Return = t.to.Now()
	t.to.Op(op)
}

// balances reads all accounts in one statement.
func (t *teller) balances(ctx context.Context, conn *pgx.Conn, op *history.Op) error {
	rows, err := conn.Query(ctx, "balances", t.accounts)
	if err != nil {
		return err
	}
	var seen []history.Access
	var one history.Access
	_, err = pgx.ForEachRow(rows, []any{&one.Key, &one.Value}, func() error { seen = append(seen, one); return nil })
	if err == nil {
		op.Txn = seen
	}
	return err
}

// transfer gives up, and rolls back, if there is not enough.
func (t *teller) transfer(ctx context.Context, conn *pgx.Conn, op *history.Op) error {
	from := t.session.random.IntN(len(t.accounts))
	to := (from + 1 + t.session.random.IntN(len(t.accounts)-1)) % len(t.accounts)
	amount := 1 + t.session.random.Int64N(t.bank.Opening/4+1)
	op.Txn = []history.Access{{Write: true, Key: t.accounts[from], Value: -amount}, {Write: true, Key: t.accounts[to], Value: amount}}
	for _, change := range op.Txn {
		tag, err := conn.Exec(ctx, "add", change.Key, change.Value)
		switch {
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return errNotDone
		}
	}
	return nil
}
