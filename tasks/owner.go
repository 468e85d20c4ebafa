package tasks

import (
	"context"
	"errors"
)

var (
	// ErrOtherPorta means that leases and ledger belong to another Porta. Nothing may be
	// led, run or purged: the ledger's tenants are the other Porta's.
	ErrOtherPorta = errors.New("the keys on Redis belong to another Porta")
	// ErrPortaUnknown means that this process can't tell which Porta it works for, since
	// MySQL has never answered it.
	ErrPortaUnknown = errors.New("not known which Porta this is")
)

// owns returns an error if a run must not begin because of [Runner.Owns].
func (r *Runner) owns(ctx context.Context) error {
	if r.Owns == nil {
		return nil
	}
	return r.Owns(ctx)
}
