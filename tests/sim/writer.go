package sim

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// Writer is the connection that holds a task's lock, like [db.Writer].
type Writer struct {
	porta    *Porta
	lock     string
	life     time.Duration
	restarts int

	orphaned time.Time // when the process left the connection; guarded by the data's lock

	mu   sync.Mutex
	lost error
}

// OpenWriter takes the lock for a connection of the process.
func (p *Porta) OpenWriter(ctx context.Context, lock string, leaseLife time.Duration) (*Writer, error) {
	w := &Writer{porta: p, lock: lock, life: leaseLife}
	err := p.query(ctx, func(d *portaData) error {
		if holder := d.writers[lock]; holder != nil && holder.alive() {
			return db.ErrFenced
		}
		w.restarts = d.restarts
		d.writers[lock] = w
		return nil
	})
	if err != nil {
		w.orphan() // the server may have opened the connection nevertheless
		return nil, err
	}
	return w, nil
}

// Insert implements the writer of rotate.
func (w *Writer) Insert(ctx context.Context, tokens []db.NewToken, ttl time.Duration) (refused []db.Refused, err error) {
	err = w.exec(ctx, func(d *portaData) {
		for i, t := range tokens {
			tenant, found := d.owners[t.OwnerID]
			if !found {
				continue
			}
			if d.refuse != nil {
				if why := d.refuse(tenant); why != "" {
					refused = append(refused, db.Refused{Index: i, Err: errors.New(why)})
					continue
				}
			}
			d.add(t.Digest.Reveal(), tenant, t.OwnerID, ttl)
		}
	})
	return refused, err
}

// Delete implements the writer of rotate.
func (w *Writer) Delete(ctx context.Context, digests []secret.Text) (n int, err error) {
	err = w.exec(ctx, func(d *portaData) {
		for _, digest := range digests {
			n += d.end(func(value string, _ *Token) bool { return value == digest.Reveal() })
		}
	})
	return n, err
}

// Revoke implements the writer of rotate.
func (w *Writer) Revoke(ctx context.Context, digests []secret.Text, spare time.Duration) (r db.Revoked, err error) {
	err = w.exec(ctx, func(d *portaData) {
		given := func(digest string) bool { return slices.Contains(digests, secret.New(digest)) }
		for i, digest := range digests {
			fresh := d.tokens[digest.Reveal()]
			if fresh == nil || !given(d.newest(fresh.TenantID)) {
				r.Behind = append(r.Behind, i)
				continue
			}
			older := func(value string, t *Token) bool {
				return t.TenantID == fresh.TenantID && t.Lives(time.Now()) && !given(value)
			}
			r.Ended += d.end(func(value string, t *Token) bool { return older(value, t) && time.Since(t.Created) > spare })
			for value, t := range d.tokens {
				if older(value, t) {
					r.Spared = append(r.Spared, i)
					break
				}
			}
		}
	})
	return r, err
}

// RevokeAll implements the writer of rotate.
func (w *Writer) RevokeAll(ctx context.Context, accounts []int64) (n int, err error) {
	err = w.exec(ctx, func(d *portaData) {
		n = d.end(func(_ string, t *Token) bool { return slices.Contains(accounts, t.TenantID) && t.Lives(time.Now()) })
	})
	return n, err
}

// PurgeExpired implements the writer of janitor.
func (w *Writer) PurgeExpired(ctx context.Context, after, last int64, now time.Time) (n int, err error) {
	err = w.exec(ctx, func(d *portaData) {
		n = d.end(func(_ string, t *Token) bool { return t.ID > after && t.ID <= last && expired(t, now) })
	})
	return n, err
}

// PurgeLegacy implements the writer of janitor.
func (w *Writer) PurgeLegacy(ctx context.Context, ids []int64) (n int, err error) {
	err = w.exec(ctx, func(d *portaData) {
		n = d.end(func(_ string, t *Token) bool { return slices.Contains(ids, t.ID) && t.Expires.IsZero() })
	})
	return n, err
}

// newest is the digest of the newest token of a tenant that has not expired.
func (d *portaData) newest(tenant int64) (digest string) {
	var id int64
	for value, t := range d.tokens {
		if t.TenantID == tenant && t.ID > id && t.Lives(time.Now()) {
			digest, id = value, t.ID
		}
	}
	return digest
}

func (d *portaData) end(which func(digest string, t *Token) bool) (n int) {
	for digest, token := range d.tokens {
		if which(digest, token) {
			if d.onEnd != nil {
				d.onEnd(digest, *token)
			}
			delete(d.tokens, digest)
			n++
		}
	}
	return n
}
