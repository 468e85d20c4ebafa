package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
)

// Server is what a server says about itself.
type Server struct {
	Version      string
	ReadOnly     bool     // it refuses our writes
	ReadOnlyBy   []string // the variables that say so
	BinaryLog    bool
	BinlogFormat string
	Cipher       string // of this connection; empty for plain text
	// Cluster is "Galera" or "group replication", or empty if the server is alone.
	// GET_LOCK is local to a node: it fences only schedulers that write through the
	// same node.
	Cluster string
	Members int // of the cluster, as far as known
	// Connections is how many connections this user may have at a time; 0 means no
	// limit. A run needs two, and the daemon's two tasks need four.
	Connections int
	// Odd are defaults of the server that would change what our statements mean. Our
	// sessions override them. Other programs may not.
	Odd []string
}

// Server asks the server about itself.
func (i *Inspector) Server(ctx context.Context) (s Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	// Use one connection for all questions: the user may not have more.
	conn, err := i.pool.Connx(ctx)
	if err != nil {
		return s, fmt.Errorf("connect: %w", scrub(err))
	}
	defer func() { _ = conn.Close() }()
	if err := conn.GetContext(ctx, &s.Version, `SELECT VERSION()`); err != nil {
		return s, fmt.Errorf("ask the server: %w", scrub(err))
	}
	variables, err := show(ctx, conn, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only',
 'tx_read_only', 'transaction_read_only', 'offline_mode', 'log_bin', 'binlog_format', 'wsrep_on', 'group_replication_group_name',
 'sql_select_limit', 'sql_safe_updates', 'autocommit', 'init_connect', 'max_statement_time', 'max_execution_time')`)
	if err != nil {
		return s, err
	}
	status, err := show(ctx, conn, `SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_cipher', 'wsrep_cluster_size', 'wsrep_ready')`)
	if err != nil {
		return s, err
	}
	if err := conn.GetContext(ctx, &s.Connections, `SELECT @@session.max_user_connections`); err != nil {
		return s, fmt.Errorf("ask the server: %w", scrub(err))
	}
	s.BinaryLog, s.BinlogFormat, s.Cipher = on(variables["log_bin"]), variables["binlog_format"], status["ssl_cipher"]
	// Our sessions override tx_read_only and transaction_read_only.
	for _, name := range []string{"read_only", "super_read_only", "innodb_read_only", "offline_mode"} {
		if on(variables[name]) {
			s.ReadOnlyBy = append(s.ReadOnlyBy, name)
		}
	}
	if on(variables["wsrep_on"]) && status["wsrep_ready"] != "" && !on(status["wsrep_ready"]) {
		s.ReadOnlyBy = append(s.ReadOnlyBy, "wsrep_ready")
	}
	s.ReadOnly = len(s.ReadOnlyBy) > 0
	s.cluster(ctx, conn, variables, status)
	s.Odd = oddOf(variables)
	return s, nil
}

// show reads names, in lower case, and their values.
func show(ctx context.Context, conn *sqlx.Conn, query string) (map[string]string, error) {
	var rows []struct {
		Name  string `db:"Variable_name"`
		Value string `db:"Value"`
	}
	if err := conn.SelectContext(ctx, &rows, query); err != nil {
		return nil, fmt.Errorf("ask the server: %w", scrub(err))
	}
	values := make(map[string]string, len(rows))
	for _, row := range rows {
		values[strings.ToLower(row.Name)] = row.Value
	}
	return values, nil
}

// cluster finds out what kind of cluster the server belongs to.
func (s *Server) cluster(ctx context.Context, conn *sqlx.Conn, variables, status map[string]string) {
	switch {
	case on(variables["wsrep_on"]):
		s.Cluster = "Galera"
		s.Members, _ = strconv.Atoi(status["wsrep_cluster_size"])
	case variables["group_replication_group_name"] != "":
		s.Cluster = "group replication"
		// Not every user may see the members. Then their number is not known.
		_ = conn.GetContext(ctx, &s.Members, `SELECT COUNT(*) FROM performance_schema.replication_group_members`)
	}
}

// oddOf returns the variables whose values differ from MySQL's own defaults.
func oddOf(variables map[string]string) (odd []string) {
	for name, usual := range map[string][]string{
		"sql_select_limit": {everyRow}, "sql_safe_updates": {"OFF"}, "autocommit": {"ON"}, "init_connect": {""},
		"max_statement_time": {"0", "0.000000"}, "max_execution_time": {"0"}, "tx_read_only": {"OFF"}, "transaction_read_only": {"OFF"},
	} {
		if value, found := variables[name]; found && !slices.Contains(usual, value) {
			odd = append(odd, name)
		}
	}
	slices.Sort(odd)
	return odd
}

// on reads a variable that is ON or OFF, or a number or word that means the same.
func on(value string) bool {
	switch strings.ToUpper(value) {
	case "", "OFF", "0", "NO":
		return false
	}
	return true
}
