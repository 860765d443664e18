package cluster

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// offline is a cluster that was never started.
func offline(topology Topology) *Cluster {
	c := &Cluster{
		config: Config{Topology: topology}, id: "test", direct: true, passwords: drawPasswords(),
		subnet: subnet{netip.MustParsePrefix("198.18.0.32/27")},
	}
	for i, name := range topology.Nodes {
		n := c.newNode(name)
		n.address = c.subnet.node(i).String()
		c.nodes = append(c.nodes, n)
	}
	return c
}

func TestCheck(t *testing.T) {
	good := Config{Topology: Pair(Sync), Image: "i", Sandbox: "s"}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no nodes":       func(c *Config) { c.Topology.Nodes = nil },
		"too many":       func(c *Config) { c.Topology.Nodes = strings.Split("abcdefghijklmn", "") },
		"twice":          func(c *Config) { c.Topology.Nodes = []string{"pg1", "pg1"} },
		"capital letter": func(c *Config) { c.Topology.Nodes = []string{"PG1"} },
		"a shell's joke": func(c *Config) { c.Topology.Nodes = []string{"pg1;id"} },
		"commit":         func(c *Config) { c.Topology.Commit = "perhaps" },
		"disk":           func(c *Config) { c.Topology.Disk = "floppy" },
		"rows":           func(c *Config) { c.Topology.Rows = -1 },
		"setting's name": func(c *Config) { c.Topology.Settings = map[string]string{"a = 1\nb": "2"} },
		"two lines":      func(c *Config) { c.Topology.Settings = map[string]string{"a": "1\nb=2"} },
		"image":          func(c *Config) { c.Image = "" },
		"sandbox":        func(c *Config) { c.Sandbox = "" },
	} {
		bad := good
		spoil(&bad)
		if bad.check() == nil {
			t.Errorf("%s: accepted", name)
		}
		if c, err := Start(context.Background(), bad); err == nil || c != nil {
			t.Errorf("%s: started", name)
		}
	}
}

func TestSubnet(t *testing.T) {
	pool := netip.MustParsePrefix(subnetPool)
	drawn := map[netip.Prefix]bool{}
	for range 50 {
		s := drawSubnet()
		drawn[s.prefix] = true
		if !pool.Contains(s.prefix.Addr()) || s.prefix.Masked() != s.prefix || s.prefix.Bits() != subnetBits {
			t.Fatalf("%s: not a subnet of %s", s.prefix, pool)
		}
		if last := s.node(maxNodes - 1); !s.prefix.Contains(last) || s.gateway() == s.node(0) {
			t.Fatalf("%s: %s is outside, or the gateway is a node", s.prefix, last)
		}
	}
	if len(drawn) < 40 {
		t.Errorf("50 draws gave %d subnets", len(drawn))
	}
}

func TestDSN(t *testing.T) {
	c := offline(Pair(Sync))
	many, err := url.Parse(c.DSN(App))
	if err != nil {
		t.Fatal(err)
	}
	if many.Host != "198.18.0.34:5432,198.18.0.35:5432" || many.Path != "/app" || many.Query().Get("target_session_attrs") != "read-write" || many.Query().Get("connect_timeout") == "" {
		t.Errorf("%s", many.Redacted())
	}
	one, err := url.Parse(c.nodes[1].DSN(Monitor))
	if err != nil || one.Host != "198.18.0.35:5432" || one.Query().Get("target_session_attrs") != "any" || one.User.Username() != "monitor" {
		t.Errorf("%s, %v", one.Redacted(), err)
	}
	c.direct, c.nodes[0].publishedPostgres = false, "127.0.0.1:4711"
	if !strings.Contains(c.nodes[0].DSN(App), "@127.0.0.1:4711/") {
		t.Errorf("not at the published port: %s", c.nodes[0].DSN(App))
	}
}

func TestIdentity(t *testing.T) {
	c := offline(Topology{Nodes: []string{"pg1", "pg2", "pg3"}, Commit: Sync})
	standby, err := c.nodes[1].identity(Standby, c.nodes[0], true)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"host=198.18.0.34", "user=replica", "application_name=pg2", "passfile=/pg/pgpass"} {
		if !strings.Contains(standby["primary_conninfo"], want) {
			t.Errorf("%s; want %s", standby["primary_conninfo"], want)
		}
	}
	if strings.Contains(standby["primary_conninfo"], c.passwords[Replica]) {
		t.Error("the password is in primary_conninfo")
	}
	if standby["primary_slot_name"] != "pg2" || standby["synchronous_standby_names"] != "" || standby["cluster_name"] != "pg2" {
		t.Errorf("%v", standby)
	}
	primary, err := c.nodes[0].identity(Primary, nil, true)
	if err != nil || primary["synchronous_standby_names"] != `ANY 1 ("pg2", "pg3")` || primary["primary_conninfo"] != "" {
		t.Errorf("%v, %v", primary, err)
	}
	alone, err := c.nodes[0].identity(Primary, nil, false)
	if err != nil || alone["synchronous_standby_names"] != "" {
		t.Errorf("%v, %v", alone, err)
	}
	if _, err := c.nodes[1].identity(Standby, c.nodes[1], false); err == nil {
		t.Error("a standby of itself was accepted")
	}
	if _, err := c.nodes[1].identity(Standby, nil, false); err == nil {
		t.Error("a standby of nobody was accepted")
	}
}

func TestSettings(t *testing.T) {
	topology := Pair(RemoteApply)
	topology.Settings = map[string]string{"wal_keep_size": "0", "archive_command": "it's"}
	text := configuration(offline(topology).settings())
	for _, want := range []string{"fsync = 'on'\n", "full_page_writes = 'on'\n", "wal_log_hints = 'on'\n", "synchronous_commit = 'remote_apply'\n", "wal_keep_size = '0'\n", "archive_command = 'it''s'\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	topology.NoArchive = true
	topology.Settings = nil
	if text := configuration(offline(topology).settings()); strings.Contains(text, "archive") {
		t.Errorf("an archive where none is wanted:\n%s", text)
	}
}

func TestHBA(t *testing.T) {
	text := offline(Pair(Sync)).hba()
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "host") && !strings.HasSuffix(line, " scram-sha-256") || strings.Contains(line, "0.0.0.0/0") || strings.Contains(line, "trust") {
			t.Errorf("%s", line)
		}
	}
	if !strings.Contains(text, "crucible_admin 198.18.0.33/32 ") {
		t.Errorf("the superuser is not held to the gateway:\n%s", text)
	}
}

func TestTemplateKey(t *testing.T) {
	if first := templateKey("a", Topology{Rows: 1}); first != templateKey("a", Topology{Rows: 1}) || first == templateKey("b", Topology{Rows: 1}) ||
		first == templateKey("a", Topology{Rows: 2}) || first == templateKey("a", Topology{Rows: 1, NoChecksums: true}) {
		t.Error("the key must follow image and rows, and nothing else")
	}
}

// A cluster that takes over another's sandboxes has nothing else in common with it.
func TestSuccessor(t *testing.T) {
	old := offline(Pair(Sync))
	config := old.config
	config.Topology.Commit, config.Topology.Rows = Async, 7
	fresh := old.successor(config)
	again := fresh.successor(config)
	seen := map[string]bool{}
	for i, n := range old.nodes {
		for _, c := range []*Cluster{old, fresh, again} {
			seen[c.nodes[i].pod.postgres] = true
			if c.nodes[i].postgres.container != c.nodes[i].pod.postgres || c.nodes[i].root.container != c.nodes[i].pod.postgres {
				t.Errorf("%s: shells in %s", c.nodes[i].pod.postgres, c.nodes[i].postgres.container)
			}
		}
		now := fresh.nodes[i]
		if now.cluster != fresh || now.pod.sandbox != n.pod.sandbox || now.token != n.token || now.address != n.address || now.Endpoint() != n.Endpoint() {
			t.Errorf("%s: %+v", n.name, now)
		}
	}
	if len(seen) != 6 {
		t.Errorf("containers share names: %v", seen)
	}
	for user, password := range old.passwords {
		if fresh.passwords[user] == password {
			t.Errorf("the password of %s stayed", user)
		}
	}
	if fresh.networkName() != old.networkName() || fresh.Topology().Rows != 7 || old.Topology().Rows != 0 {
		t.Error("it is not the network's, or not of its own topology")
	}
	for name, change := range map[string]func(*Config){
		"nodes": func(c *Config) { c.Topology.Nodes = []string{"pg1", "pg3"} }, "sandbox": func(c *Config) { c.Sandbox = "other" }, "way": func(c *Config) { c.Publish = true },
	} {
		other := old.config
		change(&other)
		if err := old.takes(other); err == nil {
			t.Errorf("other %s: taken", name)
		}
	}
}

func TestNodeLookup(t *testing.T) {
	c := offline(Pair(Async))
	if n, err := c.Node("pg2"); err != nil || n != c.nodes[1] {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := c.Node("pg9"); err == nil || !strings.Contains(err.Error(), "pg1, pg2") {
		t.Errorf("%v; want the known names", err)
	}
	if peers := c.Peers(c.nodes[0]); len(peers) != 1 || peers[0] != c.nodes[1] {
		t.Errorf("%v", peers)
	}
}
