package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

const (
	// lookTimeout limits one lookup of a tenant or a token.
	lookTimeout = 2 * time.Second
	// mintTimeout limits one INSERT, which may wait for one of Porta's locks.
	mintTimeout = 10 * time.Second
)

var (
	errMaster  = errors.New("the host is the master's")
	errPort    = errors.New("the tenant's self_domain has a port in it")
	errNoOwner = errors.New("the tenant has no owner")
)

// renew looks up the tenant of a host. It mints a token unless the one in memory is fresh
// and belongs to the same owner. It runs in the host's flight. With an error it returns the
// tenant, for the log, if MySQL has said which it is.
func (t *tokens) renew(host string) (*held, error) {
	account, err := t.find(t.ctx, host)
	if err != nil {
		t.failed(host, errors.Is(err, db.ErrNoTenant))
		return nil, err
	}
	h := &held{
		tenantID: account.ID, ownerID: account.OwnerID.Int64, host: account.Host.String, state: account.State.String,
	}
	if err := unfit(account); err != nil {
		t.failed(host, true)
		return h, err
	}
	had := t.inMemory(host)
	if had != nil && had.tenantID == h.tenantID && had.ownerID == h.ownerID && t.fresh(had.token, t.now()) {
		h.token = had.token
	} else if h.token, err = t.mint(account); err != nil {
		t.failed(host, had != nil && had.tenantID != h.tenantID) // the host may be another tenant's now
		return h, err
	}
	t.store(host, h)
	return h, nil
}

// failed delays the next lookup. It forgets the host's token if that must not be used
// any more.
func (t *tokens) failed(host string, forget bool) {
	e := t.entry(host)
	switch {
	case e == nil:
	case forget:
		t.drop(host)
	default:
		e.next.Store(t.now().Add(lookAgain).UnixNano())
	}
}

// inMemory returns what is held for a host, with a live or a dead token, or nil.
func (t *tokens) inMemory(host string) *held {
	if e := t.entry(host); e != nil {
		return e.held.Load()
	}
	return nil
}

// find looks a tenant up, for two seconds at most.
func (t *tokens) find(ctx context.Context, host string) (db.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return t.tenants.ByHost(ctx, host)
}

// unfit says why a tenant must not be served.
func unfit(account db.Account) error {
	switch {
	case account.Master:
		return errMaster
	case strings.Contains(account.Host.String, ":"):
		return errPort
	case !account.OwnerID.Valid:
		return errNoOwner
	}
	return nil
}

// mint writes a token for a tenant's owner.
func (t *tokens) mint(account db.Account) (*token, error) {
	ctx, cancel := context.WithTimeout(t.ctx, mintTimeout)
	defer cancel()
	k := &token{plaintext: db.DrawToken(), minted: t.now()}
	err := t.tenants.Mint(ctx, db.NewToken{
		OwnerID: account.OwnerID.Int64, TenantID: account.OwnerTenantID, Digest: db.Digest(k.plaintext),
	}, t.ttl)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// store puts a tenant into memory, and sets when it is looked up next.
func (t *tokens) store(host string, h *held) {
	now := t.now()
	next := now.Add(lookEvery)
	if used := h.token.minted.Add(t.use()); used.Before(next) {
		next = used
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byHost[host]
	if e == nil {
		t.makeRoom()
		e = &entry{}
		t.byHost[host] = e
	}
	e.held.Store(h)
	e.next.Store(next.UnixNano())
}

// makeRoom drops any one tenant if there are too many. The caller holds the lock.
func (t *tokens) makeRoom() {
	if len(t.byHost) < handMost {
		return
	}
	for host := range t.byHost {
		delete(t.byHost, host)
		return
	}
}

func (t *tokens) drop(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byHost, host)
}

// look asks MySQL for the state of a token that Porta refused. A dead token is not used
// again.
func (t *tokens) look(ctx context.Context, k *token) tokenState {
	if k.dead.Load() {
		return dead
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	accepted, err := t.tenants.Accepts(ctx, db.Digest(k.plaintext))
	switch {
	case err != nil:
		return notLookedFor
	case accepted:
		return alive
	}
	k.dead.Store(true)
	return dead
}

// exists tells whether MySQL knows a tenant with one of these hosts now.
func (t *tokens) exists(ctx context.Context, hosts []string) (bool, error) {
	for _, host := range hosts {
		if _, err := t.find(ctx, host); !errors.Is(err, db.ErrNoTenant) {
			return err == nil, err
		}
	}
	return false, nil
}
