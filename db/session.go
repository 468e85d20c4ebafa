package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	// everyRow is MySQL's largest number. It means "no limit".
	everyRow = "18446744073709551615"
	// sqlMode is strict: a value that does not fit is an error and is not cut. It has
	// no ANSI_QUOTES and no NO_BACKSLASH_ESCAPES. It allows comparisons with the date
	// 0000-00-00, which old rows may have.
	sqlMode = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
	// lockWait is how many seconds a statement waits for another transaction's lock on
	// a row or a table. Porta's own transactions on these rows last milliseconds. A
	// migration of its tables may last hours.
	lockWait = 5
	// isolation needs a statement of its own, because MariaDB and MySQL name the
	// variable differently.
	isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE"
)

// sessionSettings override what the server's defaults, its init_connect or the user's
// limits would give a connection. They are sent as one SET. Each of these could change
// what our statements do:
//
//   - sql_select_limit and sql_big_selects cut or refuse lists of tenants;
//   - autocommit and completion_type leave rows uncommitted or end connections;
//   - sql_safe_updates and sql_auto_is_null change what a WHERE means;
//   - a time limit of the server would end each statement of a purge.
func sessionSettings() map[string]string {
	return map[string]string{
		"time_zone":                "'+00:00'",
		"sql_mode":                 sqlMode,
		"sql_select_limit":         everyRow,
		"sql_big_selects":          "1",
		"sql_safe_updates":         "0",
		"sql_auto_is_null":         "0",
		"autocommit":               "1",
		"completion_type":          "0",
		"unique_checks":            "1",
		"character_set_client":     "utf8mb4",
		"character_set_results":    "utf8mb4",
		"collation_connection":     "utf8mb4_general_ci",
		"lock_wait_timeout":        fmt.Sprint(lockWait),
		"innodb_lock_wait_timeout": fmt.Sprint(lockWait),
		// A server that closes idle connections after seconds would close ours, too.
		"wait_timeout": fmt.Sprint(int(2*connLife/time.Second)) + statementLimit(readTimeout),
	}
}

// statementLimit makes the server end a statement whose caller has gone. It is appended
// to a SET, in comments that only MySQL or only MariaDB reads. MySQL limits nothing but
// SELECT.
func statementLimit(limit time.Duration) string {
	return fmt.Sprintf(" /*!80000 , max_execution_time = %d */ /*M! , max_statement_time = %d */",
		limit.Milliseconds(), int(limit.Seconds()))
}

// connector sets up each connection as newConfig and this file say.
type connector struct{ driver.Connector }

// newConnector returns what the pool connects with.
func newConnector(cfg *mysql.Config) (driver.Connector, error) {
	inner, err := mysql.NewConnector(cfg)
	return connector{inner}, err
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if session, ok := conn.(driver.ExecerContext); ok {
		_, err = session.ExecContext(ctx, isolation, nil)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
