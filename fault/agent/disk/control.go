package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
)

// controlSocket is where the process that holds the disk hears from the commands.
const controlSocket = Folder + "/control"

// order is what a command has the holder do. A nil field leaves things as they are.
type order struct {
	Broken *[]extent
	Slow   *slowness
}

// answer is what the holder says: its counters, or why it cannot.
type answer struct {
	Err string `json:",omitempty"`
	counters
}

// serve obeys orders until ctx ends. why says, if it is not empty, that there is no layer to obey them.
func serve(ctx context.Context, listener net.Listener, t *trouble, why string) {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		obey(conn, t, why)
	}
}

func obey(conn net.Conn, t *trouble, why string) {
	defer conn.Close()
	var given order
	reply := answer{Err: why}
	if err := json.NewDecoder(conn).Decode(&given); err != nil {
		reply.Err = err.Error()
	}
	if reply.Err == "" {
		if given.Broken != nil {
			t.shatter(*given.Broken)
		}
		if given.Slow != nil {
			t.slowDown(*given.Slow)
		}
		reply.counters = t.counted()
	}
	_ = json.NewEncoder(conn).Encode(reply) // who asked sees that nothing came
}

// tell gives the holder an order and returns its counters.
func tell(ctx context.Context, given order) (counters, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", controlSocket)
	if err != nil {
		return counters{}, fmt.Errorf("the disk's holder: %w", err)
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(given); err != nil {
		return counters{}, fmt.Errorf("the disk's holder: %w", err)
	}
	var reply answer
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return counters{}, fmt.Errorf("the disk's holder: %w", err)
	}
	if reply.Err != "" {
		return counters{}, errors.New(reply.Err)
	}
	return reply.counters, nil
}
