// Package sweep lists and removes containers, networks and volumes by label.
//
// It is the one way in which this product removes what is left over: in the test process, and in the reaper that outlives it.
// The reaper is built on the user's machine before the first run, so this package speaks the engine's HTTP interface
// with the standard library alone; the paths and fields it uses are in every version of it.
package sweep

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Kind is a kind of thing on the engine.
type Kind string

// The kinds, in the order in which they can be removed.
const (
	Container Kind = "container"
	Network   Kind = "network"
	Volume    Kind = "volume"
)

// Thing is a container, a network or a volume.
type Thing struct {
	Kind   Kind
	ID     string // what the engine removes it by
	Name   string // for people
	Labels map[string]string
	State  string    // of a container: created, running, exited, ...
	Made   time.Time // of a container
}

// String is how the thing is named to people.
func (t Thing) String() string { return string(t.Kind) + " " + t.Name }

// Engine is the engine's HTTP interface.
type Engine struct {
	http *http.Client
}

// Dial reaches an engine by a function that opens a connection to it.
func Dial(dial func(context.Context) (net.Conn, error)) Engine {
	return Engine{http: &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableKeepAlives: true, // few calls, and nothing to close afterwards
	}}}
}

// List is everything that carries all the labels (key or key=value), containers first: the order in which it can be removed.
func (e Engine) List(ctx context.Context, labels ...string) ([]Thing, error) {
	filters, err := json.Marshal(map[string][]string{"label": append([]string{}, labels...)}) // no label: [], which filters nothing
	if err != nil {
		return nil, fmt.Errorf("list by label: %w", err)
	}
	query := "?filters=" + url.QueryEscape(string(filters))
	var containers []struct {
		ID, State string
		Names     []string
		Labels    map[string]string
		Created   int64
	}
	var networks []struct {
		ID, Name string
		Labels   map[string]string
	}
	var volumes struct {
		Volumes []struct {
			Name   string
			Labels map[string]string
		}
	}
	if err := e.get(ctx, "/containers/json"+query+"&all=1", &containers); err != nil {
		return nil, err
	}
	if err := e.get(ctx, "/networks"+query, &networks); err != nil {
		return nil, err
	}
	if err := e.get(ctx, "/volumes"+query, &volumes); err != nil {
		return nil, err
	}
	var things []Thing
	for _, c := range containers {
		name := c.ID
		if len(c.Names) > 0 {
			name = c.Names[0][1:] // the engine writes a slash before it
		}
		things = append(things, Thing{Kind: Container, ID: c.ID, Name: name, Labels: c.Labels, State: c.State, Made: time.Unix(c.Created, 0)})
	}
	for _, n := range networks {
		things = append(things, Thing{Kind: Network, ID: n.ID, Name: n.Name, Labels: n.Labels})
	}
	for _, v := range volumes.Volumes {
		things = append(things, Thing{Kind: Volume, ID: v.Name, Name: v.Name, Labels: v.Labels})
	}
	return things, nil
}

// Remove removes a thing, a container with its anonymous volumes and whatever it is doing. One that is gone already is success.
func (e Engine) Remove(ctx context.Context, thing Thing) error {
	path := map[Kind]string{Container: "/containers/", Network: "/networks/", Volume: "/volumes/"}[thing.Kind] + url.PathEscape(thing.ID)
	if thing.Kind == Container {
		path += "?force=1&v=1"
	}
	status, body, err := e.call(ctx, http.MethodDelete, path)
	if err != nil {
		return fmt.Errorf("remove %s: %w", thing, err)
	}
	if status >= http.StatusBadRequest && status != http.StatusNotFound {
		return fmt.Errorf("remove %s: %s", thing, complaint(status, body))
	}
	return nil
}

func (e Engine) get(ctx context.Context, path string, into any) error {
	status, body, err := e.call(ctx, http.MethodGet, path)
	if err != nil {
		return fmt.Errorf("list by label: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("list by label: %s", complaint(status, body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("list by label: %w", err)
	}
	return nil
}

func (e Engine) call(ctx context.Context, method, path string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := e.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// complaint is what the engine said, without its JSON.
func complaint(status int, body []byte) string {
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		return said.Message
	}
	return fmt.Sprintf("status %d", status)
}
