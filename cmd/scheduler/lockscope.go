package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

// clusterTimeout limits the query: a start waits for it.
const clusterTimeout = 2 * time.Second

// lockScope returns, for the start line, how far the writer's lock reaches. It is empty if
// MySQL does not answer.
func (s *backends) lockScope(ctx context.Context, log *slog.Logger) []any {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	server, err := db.NewInspector(s.mysql).Server(ctx)
	if err != nil {
		return nil // the first run tells
	}
	return scopeOf(server, log)
}

func scopeOf(server db.Server, log *slog.Logger) []any {
	if server.Cluster == "" || server.Members == 1 {
		return []any{"mysql_lock", "server"}
	}
	log.Warn("MySQL's lock holds on one node of the cluster only; have all schedulers write through the same node",
		"cluster", server.Cluster, "members", server.Members)
	return []any{"mysql_lock", fmt.Sprintf("one node (%s)", server.Cluster)}
}
