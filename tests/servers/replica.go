package servers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// Replicated starts a MariaDB and its replica for one test. Writes to the primary reach
// the replica until [MariaDB.StopReplication].
func Replicated(tb testing.TB) (primary, replica *MariaDB) {
	tb.Helper()
	primary = PrivateMariaDB(tb, "--server-id=1", "--log-bin=b", "--binlog-format=ROW", "--gtid-strict-mode=1")
	replica = PrivateMariaDB(tb, "--server-id=2", "--log-bin=b", "--binlog-format=ROW", "--log-slave-updates=1", "--read-only=1")
	primary.mustExec(tb, "CREATE USER replica@'%' IDENTIFIED BY 'replica'")
	primary.mustExec(tb, "GRANT REPLICATION SLAVE ON *.* TO replica@'%'")
	replica.mustExec(tb, fmt.Sprintf(`CHANGE MASTER TO master_host = '127.0.0.1', master_port = %d, master_user = 'replica',
 master_password = 'replica', master_use_gtid = slave_pos, master_connect_retry = 1`, primary.Port))
	replica.mustExec(tb, "START SLAVE")
	return primary, replica
}

// CatchUp waits until a replica has everything that its primary has committed.
func (m *MariaDB) CatchUp(tb testing.TB, primary *MariaDB) {
	tb.Helper()
	var position string
	primary.get(tb, &position, "SELECT @@gtid_binlog_pos")
	var timedOut int
	m.get(tb, &timedOut, "SELECT MASTER_GTID_WAIT('"+position+"', 30)")
	if timedOut != 0 {
		tb.Fatalf("the replica has not come to %s", position)
	}
}

// StopReplication stops the replica from following. What the primary commits afterwards
// is lost when the replica is promoted.
func (m *MariaDB) StopReplication(tb testing.TB) {
	tb.Helper()
	m.mustExec(tb, "STOP SLAVE")
}

// Promote kills the primary, and makes the replica the primary on the same port.
func (m *MariaDB) Promote(tb testing.TB, primary *MariaDB) {
	tb.Helper()
	primary.Kill()
	m.Stop()
	m.args = append(m.args, fmt.Sprintf("--port=%d", primary.Port), "--read-only=0", "--skip-slave-start")
	m.Port = primary.Port
	if err := m.Start(context.Background()); err != nil {
		tb.Fatalf("promote the replica: %v", err)
	}
}

func (m *MariaDB) connect(tb testing.TB) (*sqlx.DB, context.Context) {
	tb.Helper()
	db, err := sqlx.Open("mysql", m.Config().FormatDSN())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(func() { cancel(); _ = db.Close() })
	return db, ctx
}

func (m *MariaDB) mustExec(tb testing.TB, statement string) {
	tb.Helper()
	db, ctx := m.connect(tb)
	if _, err := db.ExecContext(ctx, statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func (m *MariaDB) get(tb testing.TB, into any, query string) {
	tb.Helper()
	db, ctx := m.connect(tb)
	if err := db.GetContext(ctx, into, query); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}
