package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// RemoteError is the agent's refusal, in its words: the conversation itself went well.
type RemoteError struct {
	Do   Verb
	Text string
}

func (e *RemoteError) Error() string { return fmt.Sprintf("agent: %s: %s", e.Do, e.Text) }

// Client is a kept connection to one agent. Its methods may be called from many goroutines; requests wait for each other.
type Client struct {
	address, token string
	mu             sync.Mutex
	conn           net.Conn
	in             *bufio.Reader
}

// NewClient makes a client that connects when it is first used, and again after an error.
func NewClient(address, token string) *Client { return &Client{address: address, token: token} }

// Address is where the agent is.
func (c *Client) Address() string { return c.address }

// Token is what the agent wants to see.
func (c *Client) Token() string { return c.token }

// Do asks and waits for the reply. An error of the agent is a *RemoteError. If the connection breaks it is not known
// whether the request was carried out; the next Do connects again.
func (c *Client) Do(ctx context.Context, request Request) (Timing, error) {
	if err := request.Check(); err != nil {
		return Timing{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	timing, err := c.exchange(ctx, request)
	if err != nil {
		c.drop()
		return Timing{}, fmt.Errorf("agent %s: %s: %w", c.address, request.Do, err)
	}
	if timing.Reply.Err != "" {
		return timing, &RemoteError{Do: request.Do, Text: timing.Reply.Err}
	}
	return timing, nil
}

func (c *Client) exchange(ctx context.Context, request Request) (Timing, error) {
	if err := c.connect(ctx); err != nil {
		return Timing{}, err
	}
	request.Token = c.token
	text, err := json.Marshal(request)
	if err != nil {
		return Timing{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })
	defer stop()
	timing := Timing{Sent: time.Now(), Reply: new(Reply)}
	if _, err := c.conn.Write(append(text, '\n')); err != nil {
		return Timing{}, errors.Join(err, ctx.Err())
	}
	line, err := c.in.ReadBytes('\n')
	timing.Received = time.Now()
	if err != nil {
		return Timing{}, errors.Join(err, ctx.Err())
	}
	if err := json.Unmarshal(line, timing.Reply); err != nil {
		return Timing{}, fmt.Errorf("read reply: %w", err)
	}
	if ctx.Err() != nil {
		c.drop() // the deadline that AfterFunc set would spoil the next request
	}
	return timing, nil
}

func (c *Client) connect(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	return nil
}

func (c *Client) drop() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn, c.in = nil, nil
	}
}

// Close closes the connection. A later Do would open it again.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
	return nil
}
