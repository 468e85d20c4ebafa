package porta

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// MasterID is the id of the master account.
const MasterID = 1

// Seed says how much of the content of a production database to create.
type Seed struct {
	Tenants int
	Buyers  int
	Tokens  bool // user-made, look-alike, expired and legacy sync tokens
}

// Seeded is what a rotation should make of a seed.
type Seeded struct {
	Owners  map[int64]int64 // the owner of each tenant that has one, the master included
	NoOwner []int64
	Stale   int // sync tokens that have expired
	Legacy  int // sync tokens that never expire
	Others  int // tokens that are not sync tokens
}

// states are the states of accounts; "" is NULL.
var states = []string{"approved", "created", "pending", "rejected", "suspended", "scheduled_for_deletion", "marked_for_destruction", ""}

// Fill seeds an empty database: a master, tenants in every state, members named like
// the impersonation admin, tenants without an admin, and buyers among all of them.
func (p *Porta) Fill(ctx context.Context, seed Seed) (*Seeded, error) {
	s := &seeder{porta: p, seeded: &Seeded{Owners: map[int64]int64{}}}
	s.accounts = newInsert("accounts", "id, org_name, provider, buyer, master, provider_account_id, domain, self_domain, state, tenant_id, created_at, updated_at")
	s.users = newInsert("users", "id, username, account_id, role, state, tenant_id, created_at, updated_at")
	s.tokens = newInsert("access_tokens", "owner_id, scopes, value, name, permission, created_at, updated_at, expires_at")
	created := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	s.accounts.add(MasterID, "Master", 1, 0, 1, MasterID, "master.example.com", "master-admin.example.com", "approved", MasterID, created, created)
	s.owner(MasterID, s.user("3scaleadmin", MasterID, "admin", MasterID))
	for i := range seed.Tenants {
		s.tenant(int64(i)+2, created.Add(time.Duration(i/3)*time.Hour))
	}
	for i := range seed.Buyers {
		s.buyer(int64(seed.Tenants+i)+2, int64(i%max(1, seed.Tenants))+2, created.Add(time.Duration(i)*time.Minute))
	}
	if seed.Tokens {
		s.seedTokens()
	}
	for _, table := range []*insert{s.accounts, s.users, s.tokens} {
		if err := table.run(ctx, p); err != nil {
			return nil, err
		}
	}
	return s.seeded, nil
}

type seeder struct {
	porta                   *Porta
	seeded                  *Seeded
	accounts, users, tokens *insert
	lastUser                int64
}

func (s *seeder) user(name string, account int64, role string, tenant int64) int64 {
	s.lastUser++
	s.users.add(s.lastUser, name, account, role, "active", tenant, time.Unix(0, 0).UTC(), time.Unix(0, 0).UTC())
	return s.lastUser
}

func (s *seeder) owner(account, user int64) { s.seeded.Owners[account] = user }

func (s *seeder) tenant(id int64, created time.Time) {
	var state any = states[id%int64(len(states))]
	if state == "" {
		state = nil
	}
	var master, when any = nil, created
	if id == 5 { // unique: but one can have it
		master = 0
	}
	if id%50 == 7 {
		when = nil
	}
	s.accounts.add(id, fmt.Sprintf("Tenant %d", id), 1, 1, master, MasterID, fmt.Sprintf("t%d.example.com", id),
		fmt.Sprintf("t%d-admin.example.com", id), state, id, when, created)
	switch {
	case id%37 == 0: // only members, one of them named like the impersonation admin
		s.user("3scaleadmin", id, "member", id)
		s.user("somebody", id, "member", id)
		s.seeded.NoOwner = append(s.seeded.NoOwner, id)
	case id%4 == 0: // no impersonation admin: the first admin
		s.user("3scaleadmin", id, "member", id)
		s.owner(id, s.user("zoe", id, "admin", id))
		s.user("adam", id, "admin", id)
	default:
		s.user("first", id, "admin", id)
		s.owner(id, s.user("3scaleadmin", id, "admin", id))
	}
}

func (s *seeder) buyer(id, provider int64, created time.Time) {
	s.accounts.add(id, "Buyer", 0, 1, nil, provider, nil, nil, "approved", provider, created, created)
	s.user("3scaleadmin", id, "admin", provider)
}

// seedTokens gives every owner all kinds of tokens that access_tokens may have.
func (s *seeder) seedTokens() {
	now := time.Now().UTC().Truncate(time.Second)
	past, future, old := now.Add(-time.Hour), now.Add(time.Hour), now.Add(-100*24*time.Hour)
	for account, owner := range s.seeded.Owners {
		add := func(name, value string, created time.Time, expires any) {
			s.tokens.add(owner, "---\n- account_management\n", fmt.Sprintf("%s-%d", value, account), name, "ro", created, created, expires)
		}
		const sync = "OIDC Synchronization Token"
		add(sync, "expired", old, past)
		add(sync, "fresh", past, future)
		add("OIDC synchronization token", "lower", old, past)
		add(strings.ToUpper(sync), "upper", old, past)
		add(sync+" ", "blank", old, past)
		add("My "+sync, "mine", old, nil)
		s.seeded.Stale++
		s.seeded.Others += 4
		if account%3 == 0 {
			add(sync, "legacy", old, nil)
			s.seeded.Legacy++
		}
	}
}

// insert collects rows and writes many at a time.
type insert struct {
	table, columns string
	rows           int
	args           []any
	width          int
}

func newInsert(table, columns string) *insert {
	return &insert{table: table, columns: columns, width: strings.Count(columns, ",") + 1}
}

func (i *insert) add(values ...any) { i.args, i.rows = append(i.args, values...), i.rows+1 }

func (i *insert) run(ctx context.Context, p *Porta) error {
	const most = 2000
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", i.width), ",") + ")"
	for args := i.args; len(args) > 0; {
		n := min(most, len(args)/i.width)
		query := "INSERT INTO " + i.table + " (" + i.columns + ") VALUES " + strings.TrimSuffix(strings.Repeat(row+",", n), ",")
		if _, err := p.DB.ExecContext(ctx, query, args[:n*i.width]...); err != nil {
			return fmt.Errorf("seed %s: %w", i.table, err)
		}
		args = args[n*i.width:]
	}
	return nil
}

// Endpoint is the admin endpoint of a seeded tenant.
func Endpoint(id int64) string { return fmt.Sprintf("https://t%d-admin.example.com/", id) }
