// Package status says how an installation fares: who leads, what ran, what runs next,
// and which tenants fail. It shows this as a page, as JSON and as text.
//
// [Source] reads all of it from Redis, so every process of an installation gives the
// same answer, also one that stands by. It writes nothing. If Redis does not answer, it
// shows what this process did by itself meanwhile. Main calls it for the page and for
// --status.
package status

import (
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Status is what is known about an installation at a time.
type Status struct {
	Name      string    `json:"name"`
	Now       time.Time `json:"now"`
	This      *This     `json:"this,omitempty"`
	RedisAway bool      `json:"redis_away,omitempty"` // then only what this process did is known
	// Porta is the fingerprint of the Porta that all this is about; empty if it is not
	// known.
	Porta string `json:"porta,omitempty"`
	// OtherPorta is why it is not the Porta of the process that answers; empty if it is.
	OtherPorta string `json:"-"`
	// portaUnknown is why that process can't tell which Porta it works for.
	portaUnknown string
	Leader       *Process  `json:"leader"`
	Standbys     []Process `json:"standbys"` // daemons that are there and do not lead
	// Gateways are the gateways that are alive.
	Gateways []ledger.Gateway `json:"gateways"`
	Tasks    []Task           `json:"tasks"`
	Tenants  Tenants          `json:"tenants"`
	// Placeholders is nil if none are asked for, and Zync holds none.
	Placeholders *Placeholders `json:"placeholders,omitempty"`
	// Reasons say why tenants fail, the most frequent first.
	Reasons []ledger.Reason `json:"reasons"`
	// Failing begins with the tenants that have waited longest for a token. They are
	// those that the filter lets through, Matching in number; not all are listed.
	Failing  []Failing    `json:"failing"`
	Matching int          `json:"matching"`
	Tenant   *Tenant      `json:"tenant,omitempty"` // the one that was asked for
	History  []ledger.Run `json:"history,omitempty"`
	Problems []Problem    `json:"problems"`

	Query Query `json:"-"` // what was asked for
}

// This is the process that answers.
type This struct {
	Process
	Role string `json:"role"` // leader, standby, without_redis or other_porta
}

// Task is what is known about a task's runs.
type Task struct {
	Task      string   `json:"task"`
	RunningBy *Process `json:"running_by,omitempty"`
	// Progress is that of the run at work; nil if it is not known.
	Progress *ledger.Progress `json:"progress,omitempty"`
	Last     *ledger.Run      `json:"last,omitempty"`
	// LastComplete is when the last run began that reached everyone.
	LastComplete time.Time `json:"last_complete,omitzero"`
	// LastSuccess is when the last run ended that reached everyone without failures.
	LastSuccess time.Time `json:"last_success,omitzero"`
	Next        time.Time `json:"next,omitzero"`
}

// Tenants counts tenants.
type Tenants struct {
	Total   int `json:"total"` // in the last run
	Served  int `json:"served"`
	Failing int `json:"failing"`
	AtRisk  int `json:"at_risk"`
	NoOwner int `json:"no_owner"`
	// FirstExpires is when the first token of a failing tenant expires, as far as is
	// known.
	FirstExpires time.Time `json:"first_expires,omitzero"`
}

// Failing is a tenant whose last push did not succeed.
type Failing struct {
	TenantID     int64     `json:"tenant_id"`
	Host         string    `json:"host,omitempty"` // if MySQL was asked and has answered
	Reason       string    `json:"reason"`
	Since        time.Time `json:"since"`
	Last         time.Time `json:"last"` // the last failure
	LastDelivery time.Time `json:"last_delivery,omitzero"`
	// TokenExpires is when the token that Zync holds expires; zero if that is not known.
	TokenExpires time.Time `json:"token_expires,omitzero"`
	AtRisk       bool      `json:"at_risk"`
	// Placeholder is when a placeholder was pushed that Zync may hold; zero if none was.
	Placeholder time.Time `json:"placeholder,omitzero"`
}

func (st Status) task(name string) Task {
	for _, t := range st.Tasks {
		if t.Task == name {
			return t
		}
	}
	return Task{}
}
