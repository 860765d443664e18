package cluster

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// What is where inside a node. All of it is on volumes: a data folder in the container's own layer goes through the engine's
// overlay file system, which made the whole circle 1.7 times slower.
const (
	volume      = "/pg"
	dataDir     = volume + "/data"
	logFile     = volume + "/log/postgresql.log"
	socketDir   = volume + "/run"
	passFile    = volume + "/pgpass" // outside the data folder: a base backup or a rewind does not touch it
	archiveDir  = "/archive"
	sharedBytes = 256 << 20 // of /dev/shm, for parallel queries
)

// Ports inside the sandbox.
const (
	postgresPort = 5432
	agentPort    = 7070
)

// tokenVariable is where the sandbox's agent finds its token.
const tokenVariable = "CRUCIBLE_AGENT_TOKEN"

// idle keeps PostgreSQL's container up without PostgreSQL, in any POSIX shell, and ends at once on SIGTERM.
const idle = `trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done`

// pod is the containers of a node, by name; disk, which is the volume's name as well, only if the node has a disk of its own.
type pod struct{ sandbox, postgres, disk string }

func (c *Cluster) sandboxRequest(n *Node) testcontainers.ContainerRequest {
	networkName, address := c.networkName(), netip.MustParseAddr(n.address)
	var exposed []string
	bindings := network.PortMap{}
	for _, number := range c.published() {
		port := tcp(number)
		exposed = append(exposed, port.String())
		bindings[port] = []network.PortBinding{{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
	}
	return testcontainers.ContainerRequest{
		Name:         n.pod.sandbox,
		Image:        c.config.Sandbox,
		Entrypoint:   []string{"/agent"},
		Env:          map[string]string{tokenVariable: n.token},
		Labels:       maps.Clone(c.labels),
		ExposedPorts: exposed,
		HostConfigModifier: func(host *container.HostConfig) {
			host.NetworkMode = container.NetworkMode(networkName)
			host.CapAdd = []string{"NET_ADMIN"}
			host.PortBindings = bindings
		},
		EndpointSettingsModifier: func(endpoints map[string]*network.EndpointSettings) {
			endpoints[networkName] = &network.EndpointSettings{
				IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address},
			}
		},
	}
}

func (c *Cluster) postgresRequest(n *Node, image string) testcontainers.ContainerRequest {
	init := true
	return testcontainers.ContainerRequest{
		Name:       n.pod.postgres,
		Image:      image,
		Entrypoint: []string{"/bin/sh", "-c", idle},
		Env:        environment(),
		Labels:     maps.Clone(c.labels),
		ConfigModifier: func(config *container.Config) {
			config.User = "root"
			config.Volumes = map[string]struct{}{volume: {}, archiveDir: {}} // one that is mounted below comes instead
		},
		HostConfigModifier: func(host *container.HostConfig) {
			host.NetworkMode = container.NetworkMode("container:" + n.pod.sandbox)
			host.Init = &init
			if n.DiskHolder() != "" {
				n.onDisk(host)
			}
			host.ShmSize = sharedBytes
		},
	}
}

func tcp(number uint16) network.Port {
	port, _ := network.PortFrom(number, network.TCP) // false only for an unknown protocol
	return port
}

// environment is what programs inside a node find.
func environment() map[string]string {
	return map[string]string{
		"PGDATA": dataDir, "PGHOST": socketDir, "PGUSER": superuser, "PGDATABASE": "postgres",
		"LC_ALL": "C", // what programs say is read by the harness
		"TZ":     "UTC",
	}
}

// published are the ports that a sandbox shows on loopback: none where the tester reaches nodes at their own addresses, because each
// costs a proxy and a handful of iptables calls, which on a busy machine take longer than starting PostgreSQL.
func (c *Cluster) published() []uint16 {
	if c.direct {
		return nil
	}
	return []uint16{postgresPort, agentPort}
}

// findPublished asks the engine which loopback ports it gave the sandbox.
func (n *Node) findPublished(ctx context.Context) error {
	if n.cluster.direct {
		return nil
	}
	found, err := n.cluster.docker.ContainerInspect(ctx, n.pod.sandbox, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("published ports of %s: %w", n.name, err)
	}
	for _, number := range n.cluster.published() {
		bindings := found.Container.NetworkSettings.Ports[tcp(number)]
		if len(bindings) == 0 {
			return fmt.Errorf("published ports of %s: none for %d", n.name, number)
		}
		address := net.JoinHostPort(bindings[0].HostIP.String(), bindings[0].HostPort)
		if number == postgresPort {
			n.publishedPostgres = address
		} else {
			n.publishedAgent = address
		}
	}
	return nil
}
