package rotate

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Class is what an answer of Zync means for the run.
type Class int

// The classes of answers.
const (
	Delivered Class = iota // Zync has the token
	Invalid                // definite, for this tenant alone
	Rejected               // definite, for every tenant: the run must stop
	Transient              // not now; the token may have arrived all the same
)

// String returns the class as the metric's label has it.
func (c Class) String() string {
	return [...]string{"delivered", "invalid", "rejected", "transient"}[c]
}

// Answer is what became of a push.
type Answer struct {
	Class Class
	// Sent is set where the request, or a part of it, may have reached Zync.
	Sent bool
	// Slow is set where Zync did not answer in time.
	Slow bool
	// RetryAfter is how long Zync asked to be left alone; zero if it did not.
	RetryAfter time.Duration
	Err        error // the reason; nil where the token was delivered
}

// maxRetryAfter bounds what Zync, or a proxy before it, may ask for.
const maxRetryAfter = time.Minute

// classify says what a status means. 422 is for the caller to settle: the first
// body may lack what Zync needs.
func classify(status int) Class {
	switch {
	case status >= 200 && status <= 299:
		return Delivered
	case status == http.StatusUnprocessableEntity:
		return Invalid
	case status == http.StatusRequestTimeout, status == http.StatusConflict,
		status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return Transient
	}
	return Rejected
}

// retryAfter reads the header's two forms, seconds and a date. What can't be
// read is no wait; what lies past the cap is the cap.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds > int(maxRetryAfter/time.Second) { // digits beyond an int, too
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, min(date.Sub(now), maxRetryAfter))
}
