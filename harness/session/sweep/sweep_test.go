package sweep

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeEngine has things and removes them; a network goes only when no container is left, as on a real engine.
type fakeEngine struct {
	mu      sync.Mutex
	things  []Thing
	order   []string       // of removals
	refuse  map[string]int // how often a removal is refused
	late    []Thing        // appear once the engine has been empty: creations that were under way
	filters []string
	refused func() // called with every refusal
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method == http.MethodDelete {
		f.remove(w, r, id)
		return
	}
	if kind == "containers" && len(f.things) == 0 {
		f.things, f.late = f.late, nil
	}
	f.filters = append(f.filters, r.URL.Query().Get("filters"))
	f.list(w, map[string]Kind{"containers": Container, "networks": Network, "volumes": Volume}[kind])
}

func (f *fakeEngine) list(w http.ResponseWriter, kind Kind) {
	entries := []map[string]any{}
	for _, thing := range f.things {
		if thing.Kind == kind {
			entries = append(entries, map[string]any{
				"Id": thing.ID, "Name": thing.Name, "Names": []string{"/" + thing.Name}, "Labels": thing.Labels, "State": thing.State, "Created": 5,
			})
		}
	}
	var answer any = entries
	if kind == Volume {
		answer = map[string]any{"Volumes": entries}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fakeEngine) remove(w http.ResponseWriter, r *http.Request, id string) {
	at := slices.IndexFunc(f.things, func(t Thing) bool { return t.ID == id })
	if at < 0 {
		http.Error(w, `{"message":"gone"}`, http.StatusNotFound)
		return
	}
	thing := f.things[at]
	busy := thing.Kind == Network && slices.ContainsFunc(f.things, func(t Thing) bool { return t.Kind == Container })
	if busy || f.refuse[id] > 0 {
		f.refuse[id]--
		if f.refused != nil {
			f.refused()
		}
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, `{"message":"%s is in use"}`, id)
		return
	}
	if thing.Kind == Container && (r.URL.Query().Get("force") != "1" || r.URL.Query().Get("v") != "1") {
		http.Error(w, "running", http.StatusConflict)
		return
	}
	f.things, f.order = slices.Delete(f.things, at, at+1), append(f.order, id)
}

func (f *fakeEngine) dial(t *testing.T) Engine {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return Dial(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
}

func pair() []Thing {
	return []Thing{
		{Kind: Volume, ID: "data", Name: "data", Labels: map[string]string{"run": "1"}},
		{Kind: Network, ID: "n1", Name: "net"},
		{Kind: Container, ID: "c1", Name: "pg1", State: "running", Labels: map[string]string{"run": "1"}},
		{Kind: Container, ID: "c2", Name: "reaper", Labels: map[string]string{RoleLabel: RoleReaper}},
	}
}

func nobody(Thing) bool { return false }

func TestClearRemovesInAnOrderThatWorks(t *testing.T) {
	fake := &fakeEngine{things: pair(), refuse: map[string]int{"data": 2}}
	gone, err := fake.dial(t).Clear(t.Context(), []string{"a=b"}, nobody, 0)
	if err != nil || len(gone) != 4 || len(fake.things) != 0 {
		t.Fatalf("removed %v, left %v, error %v", gone, fake.things, err)
	}
	if fake.order[2] != "n1" || fake.order[3] != "data" {
		t.Errorf("order %v, want containers, then the network, then the volume that was refused twice", fake.order)
	}
	if fake.filters[0] != `{"label":["a=b"]}` {
		t.Errorf("filter %s", fake.filters[0])
	}
}

func TestClearSpares(t *testing.T) {
	mine := Thing{Kind: Volume, ID: "mine", Name: "mine", Labels: map[string]string{"run": "2"}}
	fake := &fakeEngine{things: append(pair(), mine), refuse: map[string]int{}}
	kept := Sparing(map[string]bool{"run=1": true})
	gone, err := fake.dial(t).Clear(t.Context(), nil, func(t Thing) bool { return t.Kind == Network || kept(t) }, 0)
	if err != nil || len(gone) != 1 || gone[0].ID != "mine" {
		t.Errorf("removed %v, error %v; want only the volume of the other run", gone, err)
	}
	if len(fake.things) != 4 {
		t.Errorf("left %v, want the kept run, its network and the reaper", fake.things)
	}
}

func TestClearWaitsForWhatTheEngineWasStillCreating(t *testing.T) {
	late := Thing{Kind: Container, ID: "late", Name: "late"}
	fake := &fakeEngine{things: pair(), late: []Thing{late}, refuse: map[string]int{}}
	gone, err := fake.dial(t).Clear(t.Context(), nil, nobody, 300*time.Millisecond)
	if err != nil || !slices.ContainsFunc(gone, func(t Thing) bool { return t.ID == "late" }) {
		t.Errorf("removed %v, error %v; want the late one too", gone, err)
	}
}

func TestClearSaysWhatStaysAndWhy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refusals := 0
	fake := &fakeEngine{things: pair()[2:3], refuse: map[string]int{"c1": 1 << 30}, refused: func() {
		if refusals++; refusals == 3 {
			cancel()
		}
	}}
	_, err := fake.dial(t).Clear(ctx, nil, nobody, 0)
	if err == nil || !strings.Contains(err.Error(), "container pg1") || !strings.Contains(err.Error(), "c1 is in use") {
		t.Errorf("error %v, want the container and the engine's reason", err)
	}
}

func TestRemovingWhatIsGoneIsSuccess(t *testing.T) {
	fake := &fakeEngine{}
	if err := fake.dial(t).Remove(t.Context(), Thing{Kind: Container, ID: "never", Name: "never"}); err != nil {
		t.Error(err)
	}
}

func TestListReadsEveryKind(t *testing.T) {
	fake := &fakeEngine{things: pair()}
	all, err := fake.dial(t).List(t.Context())
	var names []string
	for _, thing := range all {
		names = append(names, thing.String())
	}
	if want := []string{"container pg1", "container reaper", "network net", "volume data"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("list %q, error %v; want %q", names, err, want)
	}
	if all[0].State != "running" || !all[0].Made.Equal(time.Unix(5, 0)) || all[1].Labels[RoleLabel] != RoleReaper {
		t.Errorf("containers read as %+v", all[:2])
	}
}

func TestListSaysWhatTheEngineSays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"message":"client version 1.12 is too old"}`, http.StatusBadRequest)
	}))
	defer server.Close()
	engine := Dial(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
	if _, err := engine.List(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("error %v", err)
	}
}
