package workload

import (
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// fakeServer speaks just enough of PostgreSQL's protocol to be cut off at any point of it.
type fakeServer struct {
	t        *testing.T
	listener net.Listener
	// one function a connection, in order; after the last they repeat it
	connections []func(*fakeConn)
}

type fakeConn struct {
	*pgproto3.Backend
	net.Conn
}

func serve(t *testing.T, connections ...func(*fakeConn)) *pgx.ConnConfig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	server := &fakeServer{t: t, listener: listener, connections: connections}
	go server.loop()
	config, err := pgx.ParseConfig("sslmode=disable user=app dbname=app host=127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config.Port = uint16(listener.Addr().(*net.TCPAddr).Port)
	return config
}

func (s *fakeServer) loop() {
	for i := 0; ; {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &fakeConn{Backend: pgproto3.NewBackend(conn, conn), Conn: conn}
		startup, err := c.ReceiveStartupMessage()
		if _, cancel := startup.(*pgproto3.CancelRequest); cancel || err != nil {
			conn.Close()
			continue
		}
		play := s.connections[min(i, len(s.connections)-1)]
		i++
		go func() {
			defer conn.Close()
			play(c)
		}()
	}
}

// welcome lets the client in.
func (c *fakeConn) welcome() {
	c.say(&pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, ready)
}

// prepared answers the question for the node's name and the preparation of the insert.
func (c *fakeConn) prepared() {
	c.welcome()
	c.until()
	c.say(&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, fields("cluster_name"), row("pg1"), tag("SELECT 1"), ready)
	c.until()
	c.say(&pgproto3.ParseComplete{}, &pgproto3.ParameterDescription{ParameterOIDs: []uint32{25, 23, 23}}, fields("timeline", "lsn"), ready)
}

// until takes the client's messages up to its Sync.
func (c *fakeConn) until() bool {
	for {
		message, err := c.Receive()
		if err != nil {
			return false
		}
		if _, sync := message.(*pgproto3.Sync); sync {
			return true
		}
	}
}

func (c *fakeConn) say(messages ...pgproto3.BackendMessage) {
	for _, message := range messages {
		c.Send(message)
	}
	_ = c.Flush() // the client may be gone: its test sees that
}

// silence holds the connection open until the client hangs up.
func (c *fakeConn) silence() {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for c.until() {
	}
}

// inserted answers one insert as PostgreSQL does.
func (c *fakeConn) inserted() {
	if c.until() {
		c.say(&pgproto3.BindComplete{}, fields("timeline", "lsn"), row("3", "0/3000060"), tag("INSERT 0 1"), ready)
	}
}

var ready = &pgproto3.ReadyForQuery{TxStatus: 'I'}

func tag(text string) pgproto3.BackendMessage {
	return &pgproto3.CommandComplete{CommandTag: []byte(text)}
}

func fields(names ...string) pgproto3.BackendMessage {
	description := &pgproto3.RowDescription{}
	for _, name := range names {
		field := pgproto3.FieldDescription{Name: []byte(name), DataTypeOID: pgtype.TextOID, DataTypeSize: -1}
		if name == "timeline" {
			field.DataTypeOID, field.DataTypeSize = pgtype.Int4OID, 4
		}
		description.Fields = append(description.Fields, field)
	}
	return description
}

func row(values ...string) pgproto3.BackendMessage {
	data := &pgproto3.DataRow{}
	for _, value := range values {
		data.Values = append(data.Values, []byte(value))
	}
	return data
}

func refuse(severity, state string) pgproto3.BackendMessage {
	return &pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: state, Message: "as the test wants it"}
}
