package db_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// TestSessionsAreOurs: whatever the server's defaults, its init_connect and the
// user's limits say, each connection of ours is as we need it.
func TestSessionsAreOurs(t *testing.T) {
	t.Parallel()
	p, _, pool := openPrivate(t, porta.Seed{}, "--skip-character-set-client-handshake")
	p.DB.SetMaxOpenConns(1) // keeps the session that it has
	for _, statement := range []string{
		"SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,NO_ZERO_DATE,STRICT_ALL_TABLES'",
		"SET GLOBAL tx_isolation = 'SERIALIZABLE', GLOBAL tx_read_only = 1, GLOBAL time_zone = '+05:00', GLOBAL wait_timeout = 3",
		"SET GLOBAL lock_wait_timeout = 77, GLOBAL innodb_lock_wait_timeout = 77, GLOBAL max_statement_time = 3600",
		"SET GLOBAL init_connect = 'SET sql_select_limit = 2, sql_safe_updates = 1, autocommit = 0, sql_auto_is_null = 1, " +
			"completion_type = 2, sql_big_selects = 0, max_statement_time = 1, unique_checks = 0'",
		fmt.Sprintf("ALTER USER %s@'%%' WITH MAX_STATEMENT_TIME 2", p.Name),
	} {
		_, err := p.DB.Exec(statement)
		must(t, err)
	}
	for variable, want := range map[string]string{
		"sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", "sql_select_limit": "18446744073709551615", "sql_big_selects": "1",
		"sql_safe_updates": "0", "sql_auto_is_null": "0", "autocommit": "1", "completion_type": "NO_CHAIN", "unique_checks": "1",
		"time_zone": "+00:00", "tx_isolation": "READ-COMMITTED", "tx_read_only": "0", "lock_wait_timeout": "5",
		"innodb_lock_wait_timeout": "5", "wait_timeout": "120", "character_set_client": "utf8mb4",
		"character_set_connection": "utf8mb4", "character_set_results": "utf8mb4", "max_statement_time": "30",
	} {
		var got string
		must(t, pool.GetContext(t.Context(), &got, "SELECT @@session."+variable))
		if got != want {
			t.Errorf("%s is %s, want %s", variable, got, want)
		}
	}
	w := openWriter(t, pool)
	must(t, insert(t, w, token(1, `a "quoted" \' value`)))
	var n int
	must(t, p.DB.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM access_tokens WHERE value = 'a "quoted" \\'' value'`))
	if n != 1 {
		t.Error("the token was not committed as it is")
	}
}

// TestSelectLimitHidesNobody: a default of the server's that cuts lists without a
// LIMIT leaves no tenant out.
func TestSelectLimitHidesNobody(t *testing.T) {
	t.Parallel()
	p, seeded, pool := openPrivate(t, porta.Seed{Tenants: 60})
	_, err := p.DB.Exec("SET GLOBAL sql_select_limit = 20")
	must(t, err)
	ids := make([]int64, 61)
	for i := range ids {
		ids[i] = int64(i) + 1
	}
	found, err := db.NewTenants(pool, "3scaleadmin").ByID(t.Context(), ids)
	must(t, err)
	if want := len(seeded.Owners) + len(seeded.NoOwner); len(found) != want {
		t.Errorf("%d tenants found, want %d", len(found), want)
	}
}

func TestOpenNamesWhatTheServerLacks(t *testing.T) {
	t.Parallel()
	p := porta.New(t)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL()), SSL: db.SSL{Mode: "required"}})
	must(t, err)
	defer func() { _ = pool.Close() }()
	if err := db.Ping(t.Context(), pool); err == nil || !strings.Contains(db.Advice(err), "TLS") {
		t.Errorf("error %v with advice %q, want one about TLS", err, db.Advice(err))
	}
}
