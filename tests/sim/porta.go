package sim

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

// Porta is a MySQL with Porta's tenants and sync tokens. It uses the simulation's clock,
// so a scheduler with a wrong clock can be tested against it.
type Porta struct {
	*Server
	proc *Process
	data *portaData
}

type portaData struct {
	mu       sync.Mutex
	tenants  []db.Tenant
	owners   map[int64]int64    // tenants by their owners
	tokens   map[string]*Token  // by digest
	lastID   int64              // of a token
	tenantID int64              // of the last tenant
	ownerID  int64              // id of the last owner that replaced another
	writers  map[string]*Writer // by lock
	restarts int
	readOnly bool
	// refuse returns why a token for a tenant is refused, or "" to accept it.
	refuse func(tenant int64) string
	// onEnd is called with every token that a statement deletes or expires.
	onEnd func(digest string, token Token)
}

// Token is a row of access_tokens.
type Token struct {
	ID       int64
	TenantID int64
	OwnerID  int64
	Created  time.Time
	Expires  time.Time // zero is never
}

// Lives is true if Porta accepts the token at a time.
func (t Token) Lives(at time.Time) bool { return t.Expires.IsZero() || !t.Expires.Before(at) }

// NewPorta returns a Porta with n tenants. Each has an owner. The first one is the
// master.
func NewPorta(n int) *Porta {
	p := &Porta{Server: &Server{}, data: &portaData{owners: map[int64]int64{}, tokens: map[string]*Token{}, writers: map[string]*Writer{}}}
	for range n {
		p.AddTenant(time.Now().Add(-time.Hour))
	}
	return p
}

// AddTenant adds a tenant and returns its id.
func (p *Porta) AddTenant(created time.Time) int64 {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	p.data.tenantID++
	id := p.data.tenantID
	p.data.owners[1000+id] = id
	p.data.tenants = append(p.data.tenants, db.Tenant{
		ID:       id,
		Master:   id == 1,
		Host:     sql.NullString{String: fmt.Sprintf("t%d.example.com", id), Valid: true},
		OwnerID:  sql.NullInt64{Int64: 1000 + id, Valid: true},
		Created:  sql.NullString{String: created.UTC().Format(time.DateTime), Valid: true},
		Approved: true,
	})
	return id
}

// DropTenant deletes a tenant with its users and their tokens.
func (p *Porta) DropTenant(id int64) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	p.data.tenants = slices.DeleteFunc(p.data.tenants, func(t db.Tenant) bool { return t.ID == id })
	maps.DeleteFunc(p.data.owners, func(_, tenant int64) bool { return tenant == id })
	p.data.dropTokens(func(t *Token) bool { return t.TenantID == id })
}

// ReplaceOwner deletes a tenant's owner and the owner's tokens, and gives the tenant
// another owner.
func (p *Porta) ReplaceOwner(id int64) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	for i := range p.data.tenants {
		if t := &p.data.tenants[i]; t.ID == id {
			old := t.OwnerID.Int64
			p.data.ownerID--
			t.OwnerID.Int64 = p.data.ownerID // below all others, and never given twice
			delete(p.data.owners, old)
			p.data.owners[t.OwnerID.Int64] = id
			p.data.dropTokens(func(t *Token) bool { return t.OwnerID == old })
		}
	}
}

func (d *portaData) dropTokens(which func(*Token) bool) {
	for digest, token := range d.tokens {
		if which(token) {
			delete(d.tokens, digest)
		}
	}
}

// OnEnd makes f be called with every token that a statement deletes or expires.
func (p *Porta) OnEnd(f func(digest string, token Token)) { p.data.onEnd = f }

// Tenants returns the ids of all tenants.
func (p *Porta) Tenants() []int64 {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	ids := make([]int64, len(p.data.tenants))
	for i, t := range p.data.tenants {
		ids[i] = t.ID
	}
	return ids
}

// Mint makes a token for a tenant as Porta itself does. The token expires after life, or
// never if life is 0.
func (p *Porta) Mint(id int64, digest string, life time.Duration) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	for _, t := range p.data.tenants {
		if t.ID == id {
			p.data.add(digest, t.ID, t.OwnerID.Int64, life)
		}
	}
}

func (d *portaData) add(digest string, tenant, owner int64, life time.Duration) {
	d.lastID++
	token := &Token{ID: d.lastID, TenantID: tenant, OwnerID: owner, Created: time.Now().Truncate(time.Second)}
	if life > 0 {
		token.Expires = token.Created.Add(life)
	}
	d.tokens[digest] = token
}

// Token returns the token with a digest.
func (p *Porta) Token(digest string) (Token, bool) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	token, found := p.data.tokens[digest]
	if !found {
		return Token{}, false
	}
	return *token, true
}

// Tokens is the number of tokens.
func (p *Porta) Tokens() int {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	return len(p.data.tokens)
}

// SetApproved sets whether a tenant is approved.
func (p *Porta) SetApproved(id int64, approved bool) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	for i := range p.data.tenants {
		if t := &p.data.tenants[i]; t.ID == id {
			t.Approved = approved
		}
	}
}

// As returns the database for the calls of a process.
func (p *Porta) As(proc *Process) *Porta {
	view := *p
	view.proc = proc
	return &view
}
