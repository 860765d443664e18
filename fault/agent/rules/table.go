// Package rules puts rules into the kernel's nftables, in the network namespace that it runs in, and reads them back.
//
// All of it is in one table of its own, so that nothing else in the namespace is touched and all of it can be taken away at
// once. A rule matches the addresses of a set whose elements have a timeout: a lease in the kernel, which runs out even if
// the agent and the tester are dead. It needs CAP_NET_ADMIN and Linux 4.1 or later.
package rules

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/pgcrucible/pgcrucible/fault/agent/netem"
	"github.com/pgcrucible/pgcrucible/fault/agent/shape"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

// TableName is the table that holds everything.
const TableName = "crucible"

// ControlPort is never cut from an address given to Exempt.
const ControlPort = wire.Port

// Table is the table of this network namespace. Its methods may be called from many goroutines.
type Table struct {
	mu     sync.Mutex
	conn   *nftables.Conn
	table  *nftables.Table
	chains map[wire.Direction]*nftables.Chain
	exempt *nftables.Set
	rules  map[string]*entry
	native bool   // the kernel has nftables' own queue expression
	queues uint16 // numbers of queues that were given away

	emulator *netem.Tree // nil if links are made worse by queues alone
	noNetem  string      // why
	askNetem sync.Once
}

type entry struct {
	rule wire.Rule
	set  *nftables.Set
	keys [][]byte

	number uint16       // of its queue
	queue  *shape.Queue // of a rule that shapes, in this program
	band   uint16       // of a rule that shapes, in the kernel; 0: it does not
}

// Open connects to the kernel and makes an empty table, in place of one that an earlier agent left.
func Open() (*Table, error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	t := &Table{conn: conn}
	t.native = t.try(nativeQueue(1)) == ""
	if err := t.Clear(); err != nil {
		return nil, err
	}
	return t, nil
}

// Clear takes every rule away: the table is deleted and made anew.
func (t *Table) Clear() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.table = t.conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: TableName}) // so that deleting it succeeds
	t.conn.DelTable(t.table)
	t.table = t.conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: TableName})
	t.exempt = &nftables.Set{Table: t.table, Name: "control", KeyType: nftables.TypeIPAddr}
	if err := t.conn.AddSet(t.exempt, nil); err != nil {
		return fmt.Errorf("make table: %w", err)
	}
	t.chains = map[wire.Direction]*nftables.Chain{
		wire.In:  t.addChain("in", nftables.ChainHookInput),
		wire.Out: t.addChain("out", nftables.ChainHookOutput),
	}
	old := t.rules
	t.rules = map[string]*entry{}
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("make table: %w", err)
	}
	return t.release(old)
}

// addChain makes a base chain that lets pass what never may be touched: the node's own loopback and the agent's control
// connections with the exempt addresses.
func (t *Table) addChain(name string, hook *nftables.ChainHook) *nftables.Chain {
	accept := nftables.ChainPolicyAccept
	chain := t.conn.AddChain(&nftables.Chain{
		Name: name, Table: t.table, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityFilter, Policy: &accept,
	})
	direction := wire.Direction(name)
	loopback := append(ifaceIsLoopback(direction), &expr.Verdict{Kind: expr.VerdictAccept})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: loopback})
	control := append(tcpPort(direction, ControlPort), peerIn(direction, t.exempt)...)
	control = append(control, &expr.Verdict{Kind: expr.VerdictAccept})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: control})
	return chain
}

// Exempt lets control connections from an address pass whatever the rules say.
func (t *Table) Exempt(peer netip.Addr) error {
	if !peer.Is4() {
		return nil // the run's network is IPv4: such a peer can be no rule's, save one for everyone, and that one's lease heals it
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.conn.SetAddElements(t.exempt, []nftables.SetElement{{Key: peer.AsSlice()}}); err != nil {
		return fmt.Errorf("exempt %s: %w", peer, err)
	}
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("exempt %s: %w", peer, err)
	}
	return nil
}

// Apply puts rules in force in one transaction, all of them or none, and returns the moment at which the kernel had them.
func (t *Table) Apply(ctx context.Context, rules []wire.Rule) (at time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	added := map[string]*entry{}
	for _, rule := range rules {
		if t.rules[rule.ID] != nil || added[rule.ID] != nil {
			return time.Time{}, fmt.Errorf("rule %s is there already", rule.ID)
		}
		added[rule.ID] = newEntry(t.table, rule)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.release(added))
		}
	}()
	for _, e := range added {
		if err := t.add(ctx, e); err != nil {
			return time.Time{}, fmt.Errorf("apply %s: %w", e.rule.ID, err)
		}
	}
	if err := t.conn.Flush(); err != nil {
		return time.Time{}, fmt.Errorf("apply: %w", err)
	}
	at = time.Now()
	for id, e := range added {
		t.rules[id] = e
	}
	return at, nil
}

func (t *Table) add(ctx context.Context, e *entry) error {
	if err := t.shape(ctx, e); err != nil {
		return err
	}
	return t.install(e)
}

// install puts a rule in the transaction that Flush ends.
func (t *Table) install(e *entry) error {
	lease := time.Duration(e.rule.LeaseMillis) * time.Millisecond
	if err := t.conn.AddSet(e.set, nil); err != nil {
		return err
	}
	if err := t.conn.SetAddElements(e.set, e.elements(lease)); err != nil {
		return err
	}
	exprs, err := t.expressions(e)
	if err != nil {
		return err
	}
	t.conn.AddRule(&nftables.Rule{
		Table: t.table, Chain: t.chains[e.rule.Direction], Exprs: exprs, UserData: []byte(e.rule.ID),
	})
	return nil
}

// Renew gives leases the time from now. It names the rules whose lease had run out before, entirely or for one peer.
func (t *Table) Renew(ids []string, lease time.Duration) (lapsed []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		e := t.rules[id]
		if e == nil {
			return nil, fmt.Errorf("renew: no rule %s", id)
		}
		left, err := t.left(e)
		if err != nil {
			return nil, err
		}
		if left <= 0 {
			lapsed = append(lapsed, id)
		}
		// Emptied and filled in one transaction: packets see the old elements or the new ones. (Adding an element that is
		// there leaves its timeout as it was on kernels before 6.12.)
		t.conn.FlushSet(e.set)
		if err := t.conn.SetAddElements(e.set, e.elements(lease)); err != nil {
			return nil, fmt.Errorf("renew %s: %w", id, err)
		}
	}
	if err := t.conn.Flush(); err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	return lapsed, nil
}

// Remove takes rules away in one transaction and returns the moment at which they were gone. Those that are not there are
// no error: after it, none of the ids is in force.
func (t *Table) Remove(ids []string) (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	present, err := t.kernelRules()
	if err != nil {
		return time.Time{}, err
	}
	for _, id := range ids {
		for _, rule := range present[id] {
			if err := t.conn.DelRule(rule); err != nil {
				return time.Time{}, fmt.Errorf("remove %s: %w", id, err)
			}
		}
		if e := t.rules[id]; e != nil {
			t.conn.DelSet(e.set)
		}
	}
	if err := t.conn.Flush(); err != nil {
		return time.Time{}, fmt.Errorf("remove: %w", err)
	}
	at := time.Now()
	gone := map[string]*entry{}
	for _, id := range ids {
		if e := t.rules[id]; e != nil {
			gone[id] = e
		}
		delete(t.rules, id)
	}
	return at, t.release(gone)
}

// State reads every rule in force back from the kernel; one that somebody took away behind our back is not in it.
func (t *Table) State() ([]wire.RuleState, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	present, err := t.kernelRules()
	if err != nil {
		return nil, err
	}
	var states []wire.RuleState
	for id, e := range t.rules {
		for _, rule := range present[id] {
			left, err := t.left(e)
			if err != nil {
				return nil, err
			}
			state := wire.RuleState{ID: id, Direction: e.rule.Direction, LeftMillis: left.Milliseconds()}
			state.Packets, state.Bytes = counted(rule)
			if e.queue != nil {
				state.Shaped = e.queue.Counts()
			}
			states = append(states, state)
		}
	}
	return states, nil
}

// kernelRules are the rules of our chains by id.
func (t *Table) kernelRules() (map[string][]*nftables.Rule, error) {
	found := map[string][]*nftables.Rule{}
	for _, chain := range t.chains {
		list, err := t.conn.GetRules(t.table, chain)
		if errors.Is(err, unix.ENOENT) {
			continue // somebody deleted the chain
		}
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		for _, rule := range list {
			if len(rule.UserData) > 0 {
				found[string(rule.UserData)] = append(found[string(rule.UserData)], rule)
			}
		}
	}
	return found, nil
}

// left is the shortest time that is left of the rule's elements; 0 if one is missing.
func (t *Table) left(e *entry) (time.Duration, error) {
	elements, err := t.conn.GetSetElements(e.set)
	if err != nil {
		return 0, fmt.Errorf("read lease of %s: %w", e.rule.ID, err)
	}
	if len(elements) < len(e.keys) {
		return 0, nil
	}
	left := elements[0].Expires
	for _, element := range elements[1:] {
		left = min(left, element.Expires)
	}
	return left, nil
}
