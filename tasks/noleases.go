package tasks

import "context"

// NoLeases grants every lease. It is for runs that only MySQL's lock excludes from each
// other.
type NoLeases struct{}

// Acquire implements [Leases].
func (NoLeases) Acquire(ctx context.Context, _ string) (Lease, error) {
	ctx, cancel := context.WithCancel(ctx)
	return noLease{ctx, cancel}, nil
}

type noLease struct {
	ctx    context.Context //nolint:containedctx // as a lease's
	cancel context.CancelFunc
}

func (l noLease) Context() context.Context { return l.ctx }

func (l noLease) Release() error {
	l.cancel()
	return nil
}
