package status

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// Process is what a process says of itself with each lease that it holds.
type Process struct {
	Host            string    `json:"host"`
	PID             int       `json:"pid"`
	Version         string    `json:"version"`
	Started         time.Time `json:"started"`
	RotateSchedule  string    `json:"rotate_schedule"`
	JanitorSchedule string    `json:"janitor_schedule"`
	Timezone        string    `json:"timezone"`
	TokenTTL        string    `json:"token_ttl"`
	// ByHand is true for --run-once. Such a process gives way to nobody.
	ByHand bool `json:"by_hand,omitempty"`
	// Placeholder is true for a process that pushes placeholders while a gateway carries.
	Placeholder bool `json:"placeholder,omitempty"`
}

// GivesWay is true if the process that left this text with a lease gives way to a run
// by hand.
func GivesWay(holder string) bool { return !decode(holder).ByHand }

// NameOf names the process that left this text with a lease.
func NameOf(holder string) string { return decode(holder).String() }

// Plan is what a process was configured to do.
type Plan struct {
	Rotate, Janitor tasks.Schedule
	Timezone        *time.Location
	TokenTTL        time.Duration
	Placeholder     bool // push placeholders in place of tokens
}

// ThisProcess describes the process that calls it.
func ThisProcess(version string, plan Plan, now time.Time) Process {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return Process{
		Host: host, PID: os.Getpid(), Version: version, Started: now.UTC().Truncate(time.Second),
		RotateSchedule: plan.Rotate.String(), JanitorSchedule: plan.Janitor.String(),
		Timezone: plan.Timezone.String(), TokenTTL: plan.TokenTTL.String(),
		Placeholder: plan.Placeholder,
	}
}

// String names the process.
func (p Process) String() string { return fmt.Sprintf("%s:%d", p.Host, p.PID) }

// Encode returns the text to keep with a lease.
func (p Process) Encode() string {
	encoded, err := json.Marshal(p)
	if err != nil {
		return "" // strings and numbers always encode
	}
	return string(encoded)
}

// decode reads the text that is kept with a lease. If another version wrote it in
// another form, the host is unknown.
func decode(text string) *Process {
	var p Process
	if json.Unmarshal([]byte(text), &p) != nil {
		return &Process{Host: "unknown"}
	}
	return &p
}

// clean makes printable what the process says of itself.
func (p *Process) clean(clean func(string) string) *Process {
	for _, text := range []*string{&p.Host, &p.Version, &p.RotateSchedule, &p.JanitorSchedule, &p.Timezone, &p.TokenTTL} {
		*text = clean(*text)
	}
	return p
}

// plan returns what the process was configured to do. A value that can't be read is
// taken from otherwise.
func (p Process) plan(otherwise Plan) Plan {
	plan := otherwise
	plan.Placeholder = p.Placeholder
	if ttl, err := time.ParseDuration(p.TokenTTL); err == nil && ttl > 0 {
		plan.TokenTTL = ttl
	}
	location, err := time.LoadLocation(p.Timezone)
	if err != nil {
		return plan
	}
	if s, err := tasks.ParseSchedule(p.RotateSchedule, location); err == nil {
		plan.Rotate = s
	}
	if s, err := tasks.ParseSchedule(p.JanitorSchedule, location); err == nil {
		plan.Janitor = s
	}
	return plan
}

func (p Plan) schedule(task string) tasks.Schedule {
	if task == tasks.Janitor {
		return p.Janitor
	}
	return p.Rotate
}
