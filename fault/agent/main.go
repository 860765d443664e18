// Agent runs as PID 1 in each node's sandbox, whose network namespace PostgreSQL's container shares. It holds the fault
// rules of that namespace and sends and counts the datagrams by which links are probed, as the tester asks (package wire).
//
// It is a static program in an image FROM scratch: it needs CAP_NET_ADMIN, no file and no other program. It takes its token
// from the environment variable CRUCIBLE_AGENT_TOKEN and listens on port 7070, TCP and UDP. If it dies, the kernel's leases
// on its rules run out by themselves.
//
// "agent disk ..." is the other thing that it can be: what holds a node's disk (package disk).
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/pgcrucible/pgcrucible/fault/agent/disk"
	"github.com/pgcrucible/pgcrucible/fault/agent/rules"
	"github.com/pgcrucible/pgcrucible/fault/agent/wire"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	work := run
	if len(os.Args) > 1 && os.Args[1] == "disk" {
		work = func(ctx context.Context) error { return disk.Run(ctx, os.Args[2:], os.Stdout) }
	}
	if err := work(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	token := os.Getenv(wire.TokenVariable)
	if token == "" {
		return fmt.Errorf("%s is not set", wire.TokenVariable)
	}
	if os.Getpid() == 1 {
		go reap(ctx)
	}
	var listen net.ListenConfig
	address := ":" + strconv.Itoa(wire.Port)
	listener, err := listen.Listen(ctx, "tcp4", address)
	if err != nil {
		return err
	}
	socket, err := listen.ListenPacket(ctx, "udp4", address)
	if err != nil {
		return err
	}
	table, err := rules.Open()
	if err != nil {
		return err
	}
	agent := &agent{table: table, socket: socket, heard: map[string]*arrival{}}
	go agent.listen(ctx)
	fmt.Println("listening on", address)
	return wire.Serve(ctx, listener, token, agent.handle)
}

// reap waits for orphans: as PID 1 nobody else does.
func reap(ctx context.Context) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	for {
		select {
		case <-ctx.Done():
			return
		case <-children:
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}
