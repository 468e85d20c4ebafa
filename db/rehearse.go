package db

import (
	"context"
	"math"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

// Tried is one statement, or several that belong together, and the server's answer.
type Tried struct {
	Name string
	Err  error
}

// Rehearse uses each statement of a run and of a purge in a way that matches no row, so
// it changes nothing. Its writer belongs to a task that no run has.
// [Inspector.TryGrant] tries the INSERT.
func (i *Inspector) Rehearse(ctx context.Context, w *Writer) []Tried {
	tenants, tokens, stale := NewTenants(i.pool, ""), NewTokens(i.pool), NewStaleTokens(i.pool)
	nobody, nothing, now := []int64{0}, []secret.Text{secret.New("")}, time.Now()
	var tried []Tried
	for _, step := range []struct {
		name string
		use  func() error
	}{
		{"list tenants", func() error { _, _, err := tenants.Page(ctx, Cursor{}, 2); return err }},
		{"find tenants by id", func() error { _, err := tenants.ByID(ctx, nobody); return err }},
		{"count tenants", func() error { _, err := tenants.Count(ctx); return err }},
		{"look for strays", func() error { _, err := tenants.Strays(ctx); return err }},
		{"look for tokens", func() error { _, err := tokens.Missing(ctx, nothing); return err }},
		{"look for the newest tokens", func() error { _, err := tokens.Newest(ctx, nobody); return err }},
		{"list stale tokens", func() error { _, _, err := stale.Page(ctx, math.MaxInt64, now, 1); return err }},
		{"ask which server answers", func() error { _, err := ServerIdentity(ctx, i.pool); return err }},
		{"read the fingerprint", func() error { _, err := WhichPorta(ctx, i.pool); return err }},
		{"read the clock", func() error { return w.look(ctx) }},
		{"delete tokens", func() error { _, err := w.Delete(ctx, nothing); return err }},
		{"revoke older tokens", func() error { _, err := w.Revoke(ctx, nothing, 0); return err }},
		{"end older tokens", func() error { _, err := w.end(ctx, nobody); return err }},
		{"purge expired tokens", func() error { _, err := w.PurgeExpired(ctx, 0, 0, now); return err }},
		{"purge legacy tokens", func() error { _, err := w.PurgeLegacy(ctx, nobody); return err }},
	} {
		tried = append(tried, Tried{Name: step.name, Err: step.use()})
	}
	return tried
}
