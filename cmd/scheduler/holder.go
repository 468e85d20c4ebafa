package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
)

// holder is what a process leaves beside the leases that it holds, for --status
// and the page to show who leads and when it fires next.
type holder struct {
	Host            string    `json:"host"`
	PID             int       `json:"pid"`
	Version         string    `json:"version"`
	Started         time.Time `json:"started"`
	RotateSchedule  string    `json:"rotate_schedule"`
	JanitorSchedule string    `json:"janitor_schedule"`
	Timezone        string    `json:"timezone"`
	TokenTTL        string    `json:"token_ttl"`
}

func newHolder(cfg config.Config, now time.Time) holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return holder{
		Host: host, PID: os.Getpid(), Version: version, Started: now.UTC().Truncate(time.Second),
		RotateSchedule: cfg.Schedule.Rotate.String(), JanitorSchedule: cfg.Schedule.Janitor.String(),
		Timezone: cfg.Schedule.Timezone.String(), TokenTTL: cfg.Schedule.TokenTTL.String(),
	}
}

// String names the process.
func (h holder) String() string { return fmt.Sprintf("%s:%d", h.Host, h.PID) }

// encode is what a lease carries.
func (h holder) encode() string {
	encoded, err := json.Marshal(h)
	if err != nil {
		return "" // strings and numbers always encode
	}
	return string(encoded)
}

// decodeHolder reads what a lease carries; a version that wrote another form is
// shown as unknown.
func decodeHolder(text string) *holder {
	var h holder
	if json.Unmarshal([]byte(text), &h) != nil {
		return &holder{Host: "unknown"}
	}
	return &h
}
