// Package wire is what the tester and the agent in a node's sandbox say to each other: one JSON request a line over a
// kept TCP connection, one JSON reply a line, in order. Every request carries the token that the agent was started with.
//
// A reply says how long after the request's arrival its effect was complete, so the tester can put that moment on its own
// clock with an error of at most half a round trip, without comparing two machines' clocks.
package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// Port is where an agent listens: TCP for requests, UDP for the datagrams by which links are probed.
const Port = 7070

// TokenVariable is the environment variable from which the agent takes its token.
const TokenVariable = "CRUCIBLE_AGENT_TOKEN"

// Verb says what is asked.
type Verb string

// The verbs. All of them may be repeated without harm except Apply, which refuses an ID that is in use.
const (
	Ping   Verb = "ping"   // answers
	Apply  Verb = "apply"  // puts Rules in force, all of them or none
	Renew  Verb = "renew"  // gives the leases of IDs LeaseMillis from now
	Remove Verb = "remove" // takes the rules IDs away; one that is not there is no error
	Clear  Verb = "clear"  // takes the agent's whole table away
	State  Verb = "state"  // reads the rules in force back from the kernel
	Send   Verb = "send"   // sends Count datagrams with Nonce to To
	Heard  Verb = "heard"  // how many datagrams with Nonce have arrived
	Dial   Verb = "dial"   // tries a TCP connection to To for at most WaitMillis
	Probe  Verb = "probe"  // what this kernel can do: Reply.Can
)

// Direction is seen from the node.
type Direction string

// The directions.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Action is what happens to a packet that a rule matches.
type Action string

// The actions.
const (
	Drop  Action = "drop"  // it vanishes
	Reset Action = "reset" // TCP is answered with RST, anything else vanishes
	Shape Action = "shape" // it is delayed, lost, ... as Rule.Shaping says
)

// Rule is one thing to do with packets. The kernel holds the peers as elements with a timeout: when the lease runs out,
// the rule matches nothing, whoever is still alive.
type Rule struct {
	ID          string    `json:"id"`
	Direction   Direction `json:"direction"`
	Peers       []string  `json:"peers,omitempty"` // addresses at the other end; none: everyone but the node itself
	Port        uint16    `json:"port,omitempty"`  // only TCP from or to this port of the node; 0: everything
	Data        bool      `json:"data,omitempty"`  // only TCP segments that carry data: the handshake passes
	Action      Action    `json:"action"`
	Shaping     *Shaping  `json:"shaping,omitempty"` // with Shape
	LeaseMillis int64     `json:"lease"`
}

// Shaping is what a link does to packets. Zero fields change nothing.
type Shaping struct {
	DelayMicros   int64   `json:"delay,omitempty"`
	JitterMicros  int64   `json:"jitter,omitempty"`    // the delay is drawn evenly from Delay-Jitter to Delay+Jitter; order is kept
	Loss          float64 `json:"loss,omitempty"`      // share of packets that vanish, 0 to 1
	Duplicate     float64 `json:"duplicate,omitempty"` // share that arrive twice
	Reorder       float64 `json:"reorder,omitempty"`   // share that overtake the delayed ones
	BytesPerSec   int64   `json:"rate,omitempty"`      // bandwidth
	Seed          uint64  `json:"seed,omitempty"`      // of the draws
	QueuedPackets int     `json:"queued,omitempty"`    // how many may wait; 0: 10000
}

// Request is one line from the tester.
type Request struct {
	Token       string   `json:"token"`
	Do          Verb     `json:"do"`
	Rules       []Rule   `json:"rules,omitempty"`
	IDs         []string `json:"ids,omitempty"`
	LeaseMillis int64    `json:"lease,omitempty"`
	Nonce       string   `json:"nonce,omitempty"`
	To          string   `json:"to,omitempty"` // address:port
	Count       int      `json:"count,omitempty"`
	Size        int      `json:"size,omitempty"` // Send: of each datagram, at most 1400; 0: as short as it can be
	Say         string   `json:"say,omitempty"`  // Dial: sent on the connection, to be answered with anything within WaitMillis
	WaitMillis  int64    `json:"wait,omitempty"`
}

// Reply is one line from the agent. If Err is not empty nothing else but TookMicros means anything.
type Reply struct {
	Err          string            `json:"err,omitempty"`
	EffectMicros int64             `json:"effect"`           // from the request's arrival to the moment its effect was complete
	TookMicros   int64             `json:"took"`             // from the request's arrival to this reply
	Rules        []RuleState       `json:"rules,omitempty"`  // State
	Lapsed       []string          `json:"lapsed,omitempty"` // Renew: leases that had run out before they were renewed
	Heard        int               `json:"heard,omitempty"`
	Late         int               `json:"late,omitempty"`    // Heard: how many of them came after one that was sent later
	From         string            `json:"from,omitempty"`    // Heard: where the last one came from; Ping: whom the agent sees at the other end
	Outcome      string            `json:"outcome,omitempty"` // Dial: connected (with Say: answered or silent), refused, timeout, or the error; Send: sent, or the error of the last datagram
	Can          map[string]string `json:"can,omitempty"`     // Probe: what -> "" if it can, else why not
}

// RuleState is a rule as the kernel has it now.
type RuleState struct {
	ID         string            `json:"id"`
	Direction  Direction         `json:"direction"`
	Packets    uint64            `json:"packets"` // that the rule's counter has seen
	Bytes      uint64            `json:"bytes"`
	LeftMillis int64             `json:"left"` // of the lease; 0: it matches nothing
	Shaped     map[string]uint64 `json:"shaped,omitempty"`
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,24}$`)

// Check says what is wrong with a request, before anything is done.
func (q *Request) Check() error {
	switch q.Do {
	case Apply:
		if len(q.Rules) == 0 {
			return errors.New("apply: no rules")
		}
		for _, rule := range q.Rules {
			if err := rule.check(); err != nil {
				return fmt.Errorf("rule %q: %w", rule.ID, err)
			}
		}
	case Renew, Remove:
		return q.checkIDs()
	case Send:
		if q.Nonce == "" || len(q.Nonce) > 64 || q.Count < 1 || q.Count > 1000 {
			return errors.New("send: want a nonce of 1 to 64 bytes and a count of 1 to 1000")
		}
		if q.Size < 0 || q.Size > MaxDatagram || strings.Contains(q.Nonce, "\n") {
			return fmt.Errorf("send: want a size of 0 to %d and a nonce of one line", MaxDatagram)
		}
		return checkTo(q.To)
	case Heard:
		if q.Nonce == "" {
			return errors.New("heard: no nonce")
		}
	case Dial:
		if q.WaitMillis <= 0 {
			return errors.New("dial: no waiting time")
		}
		return checkTo(q.To)
	case Ping, Clear, State, Probe:
	default:
		return fmt.Errorf("verb %q is not known", q.Do)
	}
	return nil
}

func (q *Request) checkIDs() error {
	if len(q.IDs) == 0 {
		return fmt.Errorf("%s: no ids", q.Do)
	}
	if q.Do == Renew && q.LeaseMillis <= 0 {
		return errors.New("renew: no lease")
	}
	for _, id := range q.IDs {
		if !idPattern.MatchString(id) {
			return fmt.Errorf("id %q: want %s", id, idPattern)
		}
	}
	return nil
}

func (r *Rule) check() error {
	switch {
	case !idPattern.MatchString(r.ID):
		return fmt.Errorf("id: want %s", idPattern)
	case r.Direction != In && r.Direction != Out:
		return fmt.Errorf("direction %q: want in or out", r.Direction)
	case r.Action != Drop && r.Action != Reset && r.Action != Shape:
		return fmt.Errorf("action %q: want drop, reset or shape", r.Action)
	case (r.Action == Shape) != (r.Shaping != nil):
		return errors.New("shaping goes with the action shape, and only with it")
	case r.LeaseMillis <= 0:
		return errors.New("no lease: a rule must heal by itself")
	}
	for _, peer := range r.Peers {
		if addr, err := netip.ParseAddr(peer); err != nil || !addr.Is4() {
			return fmt.Errorf("peer %q: want an IPv4 address", peer)
		}
	}
	if r.Shaping != nil {
		return r.Shaping.check()
	}
	return nil
}

func (s *Shaping) check() error {
	for name, share := range map[string]float64{"loss": s.Loss, "duplicate": s.Duplicate, "reorder": s.Reorder} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("%s %v: want 0 to 1", name, share)
		}
	}
	if s.DelayMicros < 0 || s.JitterMicros < 0 || s.BytesPerSec < 0 || s.QueuedPackets < 0 {
		return errors.New("delay, jitter, rate and queued must not be negative")
	}
	if s.JitterMicros > s.DelayMicros {
		return errors.New("jitter must not be more than the delay")
	}
	return nil
}

func checkTo(to string) error {
	if _, err := netip.ParseAddrPort(to); err != nil {
		return fmt.Errorf("to %q: want address:port", to)
	}
	return nil
}

// Timing puts a reply on the asker's clock.
type Timing struct {
	Sent, Received time.Time
	Reply          *Reply
}

// Effect is the moment at which the request's effect was complete, right within Margin.
func (t Timing) Effect() time.Time {
	return t.Sent.Add(t.Margin() + time.Duration(t.Reply.EffectMicros)*time.Microsecond)
}

// Margin is half of the time that the request and its reply spent on the way: the error of Effect.
func (t Timing) Margin() time.Duration {
	outside := t.Received.Sub(t.Sent) - time.Duration(t.Reply.TookMicros)*time.Microsecond
	return max(0, outside/2)
}
