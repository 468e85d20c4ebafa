package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// MarshalJSON writes the report as one flat object: the counts are its fields,
// in their order.
func (r Report) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"task":%q,"outcome":%q`, r.Task, r.Outcome)
	for _, c := range r.Result.Counts {
		fmt.Fprintf(&b, `,%q:%d`, c.Name, c.N)
	}
	if r.Result.Failures != nil {
		failures, err := json.Marshal(r.Result.Failures)
		if err != nil {
			return nil, fmt.Errorf("encode failures: %w", err)
		}
		fmt.Fprintf(&b, `,"failures":%s`, failures)
	}
	if r.Err != nil {
		reason, err := json.Marshal(r.Err.Error())
		if err != nil {
			return nil, fmt.Errorf("encode error: %w", err)
		}
		fmt.Fprintf(&b, `,"error":%s`, reason)
	}
	fmt.Fprintf(&b, `,"duration_seconds":%s}`, strconv.FormatFloat(r.Duration.Seconds(), 'f', 3, 64))
	return b.Bytes(), nil
}
