package rotate

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
)

const (
	// mostReasons is how many reasons the log lists at a run's end. A server may give a
	// different reason for each tenant.
	mostReasons = 20
	// firstIDs is how many tenants are named with a reason.
	firstIDs = 10
	// otherReasons stands for all further reasons.
	otherReasons = "other reasons; scheduler --status has them"
)

// grouped are the tenants that a run has not served, by the reason.
type grouped map[string]*group

type group struct {
	tenants int
	ids     []int64 // the first of them
}

func (g grouped) add(id int64, reason string) {
	if g[reason] == nil && len(g) >= mostReasons {
		reason = otherReasons
	}
	if g[reason] == nil {
		g[reason] = &group{}
	}
	of := g[reason]
	of.tenants++
	if len(of.ids) < firstIDs {
		of.ids = append(of.ids, id)
	}
}

// log writes a line for each reason, the most frequent first.
func (g grouped) log(log *slog.Logger) {
	reasons := slices.SortedFunc(maps.Keys(g), func(a, b string) int {
		return cmp.Or(cmp.Compare(g[b].tenants, g[a].tenants), cmp.Compare(a, b))
	})
	for _, reason := range reasons {
		log.Warn("tenants not served; their previous tokens are unchanged, and they are tried again later",
			"tenants", g[reason].tenants, "tenant_ids", g[reason].ids, "err", reason)
	}
}
