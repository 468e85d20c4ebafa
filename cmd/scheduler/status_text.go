package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
)

// printStatus is --status. It needs Redis and nothing else.
func printStatus(ctx context.Context, cfg config.Config, log *slog.Logger, stdout io.Writer) int {
	client, err := locks.Open(cfg.Redis)
	if err != nil {
		log.Error("status not read", "err", err)
		return exitUsage
	}
	defer func() { _ = client.Close() }()
	now := func() time.Time { return time.Now().UTC() }
	prefix := cfg.KeyPrefix()
	source := &statusSource{redis: client, ledger: ledger.New(client, prefix, ""), prefix: prefix, cfg: cfg, now: now}
	st, err := source.read(ctx, listOnScreen)
	if err != nil {
		log.Error("status not read: it is kept in Redis", "err", err)
		return exitFailed
	}
	if cfg.ByHand.ReportJSON {
		err = json.NewEncoder(stdout).Encode(st)
	} else {
		_, err = io.WriteString(stdout, st.text())
	}
	if err != nil {
		log.Error("status not printed", "err", err)
		return exitFailed
	}
	return exitDone
}

// text is the status for a terminal.
func (st status) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token-scheduler %s, %s\n", st.Name, st.Now.Format(time.RFC3339))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	leader := "nobody"
	if st.Leader != nil {
		leader = fmt.Sprintf("%s, version %s, up %s", st.Leader, st.Leader.Version, st.ago(st.Leader.Started))
	}
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("leader", leader)
	for _, t := range st.Tasks {
		row(t.Task, st.taskText(t))
	}
	row("tenants", fmt.Sprintf("%d served, %d failing, %d at risk, %d without an owner",
		st.Tenants.Served, st.Tenants.Failing, st.Tenants.AtRisk, st.Tenants.NoOwner))
	for _, problem := range st.Problems {
		row("problem", problem)
	}
	if len(st.Failing) > 0 {
		row()
		row("tenant", "at risk", "last delivery", "token dies", "failing for", "reason")
	}
	for _, f := range st.Failing {
		row(fmt.Sprint(f.TenantID), yesNo(f.AtRisk), st.when(f.LastDelivery), st.when(f.TokenDies), st.ago(f.Since), f.Reason)
	}
	if more := st.Tenants.Failing - len(st.Failing); more > 0 && len(st.Failing) > 0 {
		row(fmt.Sprintf("and %d more", more))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func (st status) taskText(t taskStatus) string {
	var parts []string
	if t.RunningBy != nil {
		parts = append(parts, "running on "+t.RunningBy.String())
	}
	if t.Last == nil {
		parts = append(parts, "no run on record")
	} else {
		parts = append(parts, fmt.Sprintf("%s %s ago in %s on %s", t.Last.Outcome, st.ago(t.Last.Ended),
			short(time.Duration(t.Last.Duration*float64(time.Second))), t.Last.By))
	}
	if !t.LastSuccess.IsZero() {
		parts = append(parts, "last success "+st.ago(t.LastSuccess)+" ago")
	}
	return strings.Join(append(parts, "next "+st.when(t.Next)), "; ")
}

// when is a time as seen from the status's own.
func (st status) when(t time.Time) string {
	switch {
	case t.IsZero():
		return "not known"
	case t.After(st.Now):
		return "in " + short(t.Sub(st.Now))
	}
	return short(st.Now.Sub(t)) + " ago"
}

func (st status) ago(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return short(max(0, st.Now.Sub(t)))
}

// short is a duration to two units: 3d4h, 5h12m, 7m3s, 1.2s, 40ms.
func short(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "no"
}
