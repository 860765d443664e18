package wire

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	good := Rule{ID: "a1", Direction: In, Peers: []string{"10.0.0.1"}, Action: Drop, LeaseMillis: 1000}
	with := func(change func(*Rule)) Request {
		rule := good
		change(&rule)
		return Request{Do: Apply, Rules: []Rule{rule}}
	}
	cases := []struct {
		name    string
		request Request
		want    string // "" for no error
	}{
		{"good", Request{Do: Apply, Rules: []Rule{good}}, ""},
		{"everyone", with(func(r *Rule) { r.Peers = nil }), ""},
		{"no rules", Request{Do: Apply}, "no rules"},
		{"no lease", with(func(r *Rule) { r.LeaseMillis = 0 }), "no lease"},
		{"bad id", with(func(r *Rule) { r.ID = "A b" }), "id"},
		{"bad peer", with(func(r *Rule) { r.Peers = []string{"pg1"} }), "IPv4"},
		{"v6 peer", with(func(r *Rule) { r.Peers = []string{"::1"} }), "IPv4"},
		{"bad direction", with(func(r *Rule) { r.Direction = "up" }), "direction"},
		{"bad action", with(func(r *Rule) { r.Action = "eat" }), "action"},
		{"shape without shaping", with(func(r *Rule) { r.Action = Shape }), "shaping"},
		{"loss of 2", with(func(r *Rule) { r.Action = Shape; r.Shaping = &Shaping{Loss: 2} }), "loss"},
		{"jitter over delay", with(func(r *Rule) { r.Action = Shape; r.Shaping = &Shaping{JitterMicros: 2} }), "jitter"},
		{"unknown verb", Request{Do: "explode"}, "not known"},
		{"renew without lease", Request{Do: Renew, IDs: []string{"a"}}, "no lease"},
		{"remove nothing", Request{Do: Remove}, "no ids"},
		{"send to a name", Request{Do: Send, Nonce: "x", Count: 1, To: "pg1:7070"}, "address:port"},
		{"dial without waiting", Request{Do: Dial, To: "10.0.0.1:1"}, "waiting"},
	}
	for _, c := range cases {
		err := c.request.Check()
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzAnswer: whatever comes over the line, an answer is made, and nothing is done without the token.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"token":"good","do":"ping"}`))
	f.Add([]byte(`{"token":"bad","do":"clear"}`))
	f.Add([]byte(`{"do":"apply","rules":[{"id":"x","lease":-1}]}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, line []byte) {
		reply, _ := answer(t.Context(), netip.Addr{}, line, "good", func(_ context.Context, _ netip.Addr, q Request, _ *Reply) (time.Time, error) {
			if q.Token != "good" || q.Check() != nil {
				t.Errorf("handled: %+v", q)
			}
			return time.Time{}, nil
		})
		if _, err := json.Marshal(reply); err != nil {
			t.Error(err)
		}
	})
}

func serve(t *testing.T, handle Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, "secret", handle) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func TestConversation(t *testing.T) {
	var effect time.Time
	address := serve(t, func(_ context.Context, peer netip.Addr, q Request, reply *Reply) (time.Time, error) {
		if q.Do == Clear {
			return time.Time{}, errors.New("not today")
		}
		reply.From = peer.String()
		effect = time.Now()
		<-time.After(20 * time.Millisecond) // the effect comes long before the reply
		return effect, nil
	})
	client := NewClient(address, "secret")
	defer client.Close()
	for range 3 {
		timing, err := client.Do(t.Context(), Request{Do: Ping})
		if err != nil {
			t.Fatal(err)
		}
		if timing.Reply.From != "127.0.0.1" {
			t.Errorf("from %q", timing.Reply.From)
		}
		if off := timing.Effect().Sub(effect).Abs(); off > timing.Margin()+time.Millisecond {
			t.Errorf("effect is off by %v, margin %v", off, timing.Margin())
		}
	}
	var refused *RemoteError
	if _, err := client.Do(t.Context(), Request{Do: Clear}); !errors.As(err, &refused) || refused.Text != "not today" {
		t.Errorf("clear: %v", err)
	}
}

func TestWrongToken(t *testing.T) {
	address := serve(t, func(context.Context, netip.Addr, Request, *Reply) (time.Time, error) {
		t.Error("handled without the token")
		return time.Time{}, nil
	})
	client := NewClient(address, "guess")
	defer client.Close()
	var refused *RemoteError
	if _, err := client.Do(t.Context(), Request{Do: Ping}); !errors.As(err, &refused) {
		t.Errorf("error %v", err)
	}
}

func TestDeadlineThenAgain(t *testing.T) {
	release := make(chan struct{}, 10)
	address := serve(t, func(context.Context, netip.Addr, Request, *Reply) (time.Time, error) {
		<-release
		return time.Time{}, nil
	})
	client := NewClient(address, "secret")
	defer client.Close()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := client.Do(ctx, Request{Do: Ping}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	release <- struct{}{}
	release <- struct{}{}
	if _, err := client.Do(t.Context(), Request{Do: Ping}); err != nil {
		t.Fatal("after a deadline:", err)
	}
}
