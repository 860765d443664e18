package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

const (
	// subnetPool is where runs draw their subnets: set aside for measurements between networks (RFC 2544), so hardly anybody routes it.
	subnetPool = "198.18.0.0/15"
	subnetBits = 27 // 29 nodes beside the gateway
	maxNodes   = 12
	// subnetDraws is how often an occupied subnet is drawn again: of 4096 subnets hardly more than some tens are ever in use.
	subnetDraws = 32
)

// subnet is the run's own: the gateway first, then the nodes in the topology's order.
type subnet struct{ prefix netip.Prefix }

func drawSubnet() subnet {
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails (crypto/rand)
	pool := netip.MustParsePrefix(subnetPool)
	base := binary.BigEndian.Uint32(pool.Addr().AsSlice())
	size := uint32(1) << (32 - subnetBits)
	count := uint32(1) << (subnetBits - pool.Bits())
	var address [4]byte
	binary.BigEndian.PutUint32(address[:], base+binary.BigEndian.Uint32(random[:])%count*size)
	return subnet{netip.PrefixFrom(netip.AddrFrom4(address), subnetBits)}
}

func (s subnet) host(number int) netip.Addr {
	a := s.prefix.Addr()
	for range number {
		a = a.Next()
	}
	return a
}

func (s subnet) gateway() netip.Addr       { return s.host(1) }
func (s subnet) node(index int) netip.Addr { return s.host(2 + index) }

// createNetwork makes the run's bridge on a subnet that no other network of the engine has.
func createNetwork(ctx context.Context, docker *client.Client, name string, labels map[string]string) (subnet, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createWithin) // as create
	defer cancel()
	var last error
	for range subnetDraws {
		s := drawSubnet()
		if local(s.gateway().String()) {
			continue
		}
		last = createOn(ctx, docker, name, labels, s)
		if last == nil {
			return s, nil
		}
		if !occupied(last) {
			break
		}
	}
	return subnet{}, fmt.Errorf("create network %s: %w", name, last)
}

func createOn(ctx context.Context, docker *client.Client, name string, labels map[string]string, s subnet) error {
	_, err := docker.NetworkCreate(ctx, name, client.NetworkCreateOptions{
		Driver: "bridge",
		Labels: marked(labels),
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: s.prefix, Gateway: s.gateway()}}},
	})
	return err
}

// occupied recognises the engine's answer to a subnet that is taken: it has no status of its own.
func occupied(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "overlaps") || strings.Contains(err.Error(), "conflicts"))
}

func removeNetwork(ctx context.Context, docker *client.Client, name string) error {
	_, err := docker.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove network %s: %w", name, err)
}

// marked adds testcontainers' own labels to the session's.
func marked(labels map[string]string) map[string]string {
	all := testcontainers.GenericLabels()
	maps.Copy(all, labels)
	return all
}
