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

// pod is the two containers of a node, by name.
type pod struct{ sandbox, postgres string }

func (c *Cluster) sandboxRequest(n *Node) testcontainers.ContainerRequest {
	networkName, address := c.networkName(), netip.MustParseAddr(n.address)
	return testcontainers.ContainerRequest{
		Name:         n.pod.sandbox,
		Image:        c.config.Sandbox,
		Entrypoint:   []string{"/agent"},
		Env:          map[string]string{tokenVariable: n.token},
		Labels:       maps.Clone(c.labels),
		ExposedPorts: []string{tcp(postgresPort).String(), tcp(agentPort).String()},
		HostConfigModifier: func(host *container.HostConfig) {
			host.NetworkMode = container.NetworkMode(networkName)
			host.CapAdd = []string{"NET_ADMIN"}
			loopback := []network.PortBinding{{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
			host.PortBindings = network.PortMap{tcp(postgresPort): loopback, tcp(agentPort): loopback}
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
			config.Volumes = map[string]struct{}{volume: {}, archiveDir: {}}
		},
		HostConfigModifier: func(host *container.HostConfig) {
			host.NetworkMode = container.NetworkMode("container:" + n.pod.sandbox)
			host.Init = &init
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

// published finds the loopback ports of a sandbox.
func published(ctx context.Context, docker *client.Client, sandbox string) (postgres, agent string, err error) {
	found, err := docker.ContainerInspect(ctx, sandbox, client.ContainerInspectOptions{})
	if err != nil {
		return "", "", fmt.Errorf("published ports: %w", err)
	}
	at := func(number uint16) string {
		for _, binding := range found.Container.NetworkSettings.Ports[tcp(number)] {
			return net.JoinHostPort(binding.HostIP.String(), binding.HostPort)
		}
		return ""
	}
	postgres, agent = at(postgresPort), at(agentPort)
	if postgres == "" || agent == "" {
		return "", "", fmt.Errorf("published ports of %s: want %d and %d, found %v", sandbox, postgresPort, agentPort, found.Container.NetworkSettings.Ports)
	}
	return postgres, agent, nil
}
