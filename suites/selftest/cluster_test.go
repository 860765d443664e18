package selftest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/client"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/session"
)

// shared by specs that leave the pair as they found it.
var _ = Describe("A pair", Label("cluster"), Ordered, func() {
	var pair *cluster.Cluster
	var primary, standby *cluster.Node
	BeforeAll(func(ctx SpecContext) {
		pair, _ = startPair(ctx, cluster.Pair(cluster.Sync))
		primary, standby = pair.Nodes()[0], pair.Nodes()[1]
	}, NodeTimeout(specTimeout))

	It("has one primary and one standby, of one system, each with its own identity", func(ctx SpecContext) {
		Expect(pair.Primaries(ctx)).To(ConsistOf(primary))
		Expect(pair.Standbys(ctx)).To(ConsistOf(standby))
		var systems []string
		for _, n := range pair.Nodes() {
			control, err := n.ControlData(ctx)
			Expect(err).NotTo(HaveOccurred())
			systems = append(systems, control.System)
			for name, want := range n.WantedSettings() {
				Expect(setting(ctx, n, name)).To(Equal(want), "%s on %s", name, n)
			}
			Expect(n.Timeline(ctx)).To(BeEquivalentTo(1))
		}
		Expect(systems[0]).To(Equal(systems[1]))
		Expect(standby.WantedSettings()).To(HaveKeyWithValue("primary_slot_name", "pg2"))
		Expect(primary.WantedSettings()).To(HaveKeyWithValue("synchronous_standby_names", `ANY 1 ("pg2")`))
	}, SpecTimeout(specTimeout))

	It("is safe to crash: nothing that durability rests on is switched off", func(ctx SpecContext) {
		for _, n := range pair.Nodes() {
			for name, want := range map[string]string{
				"fsync": "on", "full_page_writes": "on", "data_checksums": "on", "wal_log_hints": "on", "archive_mode": "on",
				"synchronous_commit": "on", "password_encryption": "scram-sha-256", "hot_standby": "on",
			} {
				Expect(setting(ctx, n, name)).To(Equal(want), "%s on %s", name, n)
			}
		}
	}, SpecTimeout(specTimeout))

	It("archives on the primary", func(ctx SpecContext) {
		var segment string
		Expect(primary.Query(ctx, "SELECT pg_walfile_name(pg_switch_wal())", nil, &segment)).To(Succeed())
		Eventually(func(ctx context.Context) (string, error) { return primary.Exec(ctx, "ls", primary.ArchiveDir()) }).
			WithContext(ctx).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).Should(ContainSubstring(segment))
	}, SpecTimeout(specTimeout))

	It("gives each role what its work needs and no more", func(ctx SpecContext) {
		const holdings = `SELECT rolsuper, rolreplication, rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = $1`
		for user, want := range map[cluster.User][3]bool{
			cluster.Admin: {true, false, false}, cluster.Replica: {false, true, false},
			cluster.App: {}, cluster.Monitor: {}, cluster.Rewind: {},
		} {
			var got [3]bool
			Expect(primary.Query(ctx, holdings, []any{string(user)}, &got[0], &got[1], &got[2])).To(Succeed())
			Expect(got).To(Equal(want), string(user))
		}
		app, err := primary.Connect(ctx, cluster.App)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(app.Close)
		_, err = app.Exec(ctx, "CREATE TABLE app.mine (i int); DROP TABLE app.mine")
		Expect(err).NotTo(HaveOccurred())
		_, err = app.Exec(ctx, "SELECT pg_read_file('PG_VERSION')")
		Expect(err).To(MatchError(ContainSubstring("42501")))
	}, SpecTimeout(specTimeout))

	It("lets the superuser in from the tester only, and nobody without the run's password", func(ctx SpecContext) {
		script := `PGPASSWORD=$1 psql -X -h "$2" -U "$3" -c 'SELECT 1' app`
		password := passwordOf(primary.DSN(cluster.Admin))
		_, err := standby.Shell(ctx, script, password, primary.Address(), string(cluster.Admin))
		Expect(err).To(MatchError(ContainSubstring("no pg_hba.conf entry")))
		_, err = standby.Shell(ctx, script, passwordOf(primary.DSN(cluster.App)), primary.Address(), string(cluster.App))
		Expect(err).NotTo(HaveOccurred())
		_, err = standby.Shell(ctx, script, rand.Text(), primary.Address(), string(cluster.App))
		Expect(err).To(MatchError(ContainSubstring("password authentication failed")))
	}, SpecTimeout(specTimeout))

	It("shows ports on loopback only, has no privileged container, and no password in what can be seen of it", func(ctx SpecContext) {
		docker, err := image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(docker.Close)
		var seen strings.Builder
		for _, n := range pair.Nodes() {
			for _, name := range []string{n.Container(), n.Sandbox()} {
				found, err := docker.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
				Expect(err).NotTo(HaveOccurred())
				seen.Write(found.Raw)
				Expect(found.Container.HostConfig.Privileged).To(BeFalse())
				for port, bindings := range found.Container.NetworkSettings.Ports {
					for _, binding := range bindings {
						Expect(binding.HostIP.IsLoopback()).To(BeTrue(), "%s of %s", port, name)
					}
				}
			}
		}
		dir := GinkgoT().TempDir()
		Expect(pair.Evidence(ctx, dir)).To(Succeed())
		for _, n := range pair.Nodes() {
			for _, file := range []string{"postgresql.log", "pg_controldata.txt", "postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "files.txt"} {
				text, err := os.ReadFile(filepath.Join(dir, "nodes", n.Name(), file))
				Expect(err).NotTo(HaveOccurred())
				Expect(text).NotTo(BeEmpty(), file)
				seen.Write(text)
			}
			processes, err := n.RootShell(ctx, `for f in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do cat "$f" 2>/dev/null; done; :`)
			Expect(err).NotTo(HaveOccurred())
			seen.WriteString(processes)
			seen.WriteString(n.Conninfo(cluster.Replica) + pair.PSQL(n))
		}
		for _, user := range []cluster.User{cluster.Admin, cluster.App, cluster.Monitor, cluster.Replica, cluster.Rewind} {
			password := passwordOf(primary.DSN(user))
			Expect(password).NotTo(BeEmpty())
			Expect(strings.Contains(seen.String(), password)).To(BeFalse(), "the password of %s", user)
		}
	}, SpecTimeout(specTimeout))

	It("carries files of any bytes into a node and back", func(ctx SpecContext) {
		content := make([]byte, 70_000)
		for i := range content {
			content[i] = byte(i * i >> 3)
		}
		Expect(standby.WriteFile(ctx, "/pg/try me", content)).To(Succeed())
		Expect(standby.ReadFile(ctx, "/pg/try me")).To(Equal(content))
		Expect(standby.Shell(ctx, `ls -l "$1" | cut -c 1-10; rm "$1"`, "/pg/try me")).To(Equal("-rw-------\n"))
	}, SpecTimeout(specTimeout))

	It("ends a script, and what it started, with its context", func(ctx SpecContext) {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err := primary.Shell(short, "sleep 4321; echo never")
		Expect(err).To(MatchError(cluster.ErrShellLost))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(primary.Shell(ctx, `for f in /proc/[0-9]*/cmdline; do tr '\0' ' ' <"$f"; done 2>/dev/null | grep -c 'sleep 432[1]' || :`)).To(Equal("0\n"))
		_, err = primary.Exec(ctx, "false")
		var exit *cluster.ExitError
		Expect(errors.As(err, &exit)).To(BeTrue())
		Expect(exit.Code).To(Equal(1))
	}, SpecTimeout(specTimeout))

	It("reads a row on the standby once its marker is there", func(ctx SpecContext) {
		token, err := pair.Mark(ctx, primary)
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.AwaitMark(ctx, token)).To(Succeed())
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		Expect(standby.AwaitMark(short, "never written")).To(MatchError(context.DeadlineExceeded))
	}, SpecTimeout(specTimeout))
})

var _ = Describe("Starting a cluster", Label("cluster"), func() {
	It("works for three nodes with rows and settings of the topology", func(ctx SpecContext) {
		topology := cluster.Topology{
			Nodes: []string{"pg1", "pg2", "pg3"}, Commit: cluster.RemoteApply, NoArchive: true,
			Settings: map[string]string{"work_mem": "3MB"},
		}
		three, _ := startPair(ctx, topology)
		nodes := three.Nodes()
		Expect(three.Standbys(ctx)).To(ConsistOf(nodes[1], nodes[2]))
		var streaming, slots int
		Expect(nodes[0].Query(ctx, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", nil, &streaming)).To(Succeed())
		Expect(nodes[0].Query(ctx, "SELECT count(*) FROM pg_replication_slots WHERE active", nil, &slots)).To(Succeed())
		Expect([]int{streaming, slots}).To(Equal([]int{2, 2}))
		for _, n := range nodes {
			Expect(setting(ctx, n, "work_mem")).To(Equal("3MB"))
			Expect(setting(ctx, n, "archive_mode")).To(Equal("off"))
			Expect(setting(ctx, n, "synchronous_commit")).To(Equal("remote_apply"))
		}
	}, SpecTimeout(specTimeout))

	It("reaches nodes and agents at loopback ports where their addresses cannot be dialled", func(ctx SpecContext) {
		one, err := cluster.Start(ctx, cluster.Config{
			Topology: cluster.Topology{Nodes: []string{"pg1"}, Commit: cluster.Async}, Publish: true,
			Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: labels,
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(one.Close, NodeTimeout(closeWithin))
		n := one.Nodes()[0]
		agent, token := n.Agent()
		Expect(n.Endpoint()).To(HavePrefix("127.0.0.1:"))
		Expect(agent).To(HavePrefix("127.0.0.1:"))
		Expect(token).NotTo(BeEmpty())
		Expect(n.Endpoint()).NotTo(Equal(agent))
		Expect(n.Role(ctx)).To(Equal(cluster.Primary))
		app, err := pgx.Connect(ctx, one.DSN(cluster.App))
		Expect(err).NotTo(HaveOccurred())
		Expect(app.Close(ctx)).To(Succeed())
		docker, err := image.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(docker.Close)
		found, err := docker.ContainerInspect(ctx, n.Sandbox(), client.ContainerInspectOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Container.NetworkSettings.Ports).To(HaveLen(2))
		for _, bindings := range found.Container.NetworkSettings.Ports {
			Expect(bindings).NotTo(BeEmpty())
			for _, binding := range bindings {
				Expect(binding.HostIP.IsLoopback()).To(BeTrue())
			}
		}
	}, SpecTimeout(specTimeout))

	It("leaves nothing when PostgreSQL does not start, and says why in PostgreSQL's words", func(ctx SpecContext) {
		own, err := session.Open(ctx, ready.Sandbox)
		Expect(err).NotTo(HaveOccurred())
		topology := cluster.Pair(cluster.Async)
		topology.Settings = map[string]string{"shared_buffers": "plenty"}
		_, err = cluster.Start(ctx, cluster.Config{Topology: topology, Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: own.Labels()})
		Expect(err).To(MatchError(ContainSubstring(`invalid value for parameter "shared_buffers"`)))
		Expect(own.Close(ctx)).To(Succeed())
		Expect(own.Left()).To(BeEmpty())
	}, SpecTimeout(specTimeout))

	It("leaves nothing when its context ends in the middle", func(ctx SpecContext) {
		own, err := session.Open(ctx, ready.Sandbox)
		Expect(err).NotTo(HaveOccurred())
		short, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
		defer cancel()
		_, err = cluster.Start(short, cluster.Config{Topology: cluster.Pair(cluster.Async), Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: own.Labels()})
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(own.Close(ctx)).To(Succeed())
		Expect(own.Left()).To(BeEmpty())
	}, SpecTimeout(specTimeout))

	It("gives two clusters that start at once from a template not made yet what they need, each a system of its own", func(ctx SpecContext) {
		topology := cluster.Topology{Nodes: []string{"pg1"}, Commit: cluster.Async, Rows: 1000 + int(GinkgoRandomSeed()%1000)}
		config := cluster.Config{Topology: topology, Image: ready.Postgres, Sandbox: ready.Sandbox, Labels: labels}
		reference, err := cluster.TemplateReference(ctx, config)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			docker, err := image.Connect(ctx)
			Expect(err).NotTo(HaveOccurred())
			_, err = docker.ImageRemove(ctx, reference, client.ImageRemoveOptions{})
			Expect(errors.Join(err, docker.Close())).To(Succeed())
		}, NodeTimeout(closeWithin))
		systems := make(chan string, 2)
		for range 2 {
			go func() {
				defer GinkgoRecover()
				systems <- startAndCount(ctx, config)
			}()
		}
		Expect(<-systems).NotTo(Equal(<-systems))
	}, SpecTimeout(2*specTimeout))
})

// startAndCount starts one node, counts its ballast and returns its system identifier; an empty one if something went wrong.
func startAndCount(ctx context.Context, config cluster.Config) string {
	one, err := cluster.Start(ctx, config)
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(one.Close(ctx)).To(Succeed()) }()
	var rows int
	Expect(one.Nodes()[0].Query(ctx, "SELECT count(*) FROM app.ballast", nil, &rows)).To(Succeed())
	Expect(rows).To(Equal(config.Topology.Rows))
	control, err := one.Nodes()[0].ControlData(ctx)
	Expect(err).NotTo(HaveOccurred())
	return control.System
}

func setting(ctx context.Context, n *cluster.Node, name string) string {
	GinkgoHelper()
	var value string
	Expect(n.Query(ctx, "SELECT current_setting($1)", []any{name}, &value)).To(Succeed())
	return value
}
