// Package status says how an installation fares: who leads, what ran, what runs next,
// and which tenants fail. It shows this as a page, as JSON and as text.
//
// [Source] reads all of it from Redis, so every process of an installation gives the
// same answer, also one that stands by. It writes nothing. If Redis does not answer,
// there is nothing to show but that. Main calls it for the page and for --status.
package status

import (
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Status is what is known of an installation at a time.
type Status struct {
	Name    string    `json:"name"`
	Now     time.Time `json:"now"`
	This    *This     `json:"this,omitempty"`
	Leader  *Process  `json:"leader"`
	Tasks   []Task    `json:"tasks"`
	Tenants Tenants   `json:"tenants"`
	// Failing begins with the tenants that have waited longest for a token.
	// Tenants.Failing is their number.
	Failing  []Failing `json:"failing"`
	Problems []string  `json:"problems"`
}

// This is the process that answers.
type This struct {
	Process
	Role string `json:"role"` // leader, standby, or without_redis
}

// Task is what is known of a task's runs.
type Task struct {
	Task      string      `json:"task"`
	RunningBy *Process    `json:"running_by,omitempty"`
	Last      *ledger.Run `json:"last,omitempty"`
	// LastComplete is when the last run began that reached everyone.
	LastComplete time.Time `json:"last_complete,omitzero"`
	// LastSuccess is when the last run ended that reached everyone without failures.
	LastSuccess time.Time `json:"last_success,omitzero"`
	Next        time.Time `json:"next,omitzero"`
}

// Tenants counts tenants.
type Tenants struct {
	Served  int `json:"served"`
	Failing int `json:"failing"`
	AtRisk  int `json:"at_risk"`
	NoOwner int `json:"no_owner"`
}

// Failing is a tenant whose last push did not succeed.
type Failing struct {
	TenantID     int64     `json:"tenant_id"`
	Reason       string    `json:"reason"`
	Since        time.Time `json:"since"`
	LastDelivery time.Time `json:"last_delivery,omitzero"`
	// TokenDies is when the token that Zync holds expires; zero if that is not known.
	TokenDies time.Time `json:"token_dies,omitzero"`
	AtRisk    bool      `json:"at_risk"`
}
