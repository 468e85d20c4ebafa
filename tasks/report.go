package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// MarshalJSON writes the report as one flat object. The counts are its fields, in
// their order.
func (r Report) MarshalJSON() ([]byte, error) {
	o := object{}
	o.add("task", r.Task)
	o.add("outcome", r.Outcome)
	if r.DryRun {
		o.add("dry_run", true)
	}
	for _, c := range r.Result.Counts {
		o.add(c.Name, c.N)
	}
	if r.Result.Failures != nil {
		o.add("failures", r.Result.Failures)
	}
	if r.Err != nil {
		o.add("error", r.Err.Error())
	}
	o.add("duration_seconds", json.Number(strconv.FormatFloat(r.Duration.Seconds(), 'f', 3, 64)))
	return o.encoded()
}

// object is a JSON object whose fields keep their order.
type object struct {
	fields [][]byte
	err    error // the first
}

func (o *object) add(name string, value any) {
	encoded, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("encode %s: %w", name, err)
	}
	key, _ := json.Marshal(name) // a string always encodes
	o.fields = append(o.fields, append(append(key, ':'), encoded...))
}

func (o *object) encoded() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	return append(append([]byte{'{'}, bytes.Join(o.fields, []byte{','})...), '}'), nil
}
