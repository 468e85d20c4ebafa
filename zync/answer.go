package zync

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Class says what an answer of Zync means for the caller.
type Class int

// The classes of answers.
const (
	Delivered Class = iota // Zync has stored the token
	Invalid                // Zync refuses this tenant's data; other tenants are not affected
	Rejected               // Zync refuses every tenant: a wrong credential, or not Zync at all
	Transient              // a temporary failure; Zync may have stored the token nevertheless
)

// String returns the class as the metric's label has it.
func (c Class) String() string {
	return [...]string{"delivered", "invalid", "rejected", "transient"}[c]
}

// Answer is the result of a push.
type Answer struct {
	Class Class
	// Sent is true if the request, or a part of it, may have reached Zync.
	Sent bool
	// Slow is true if Zync did not answer in time.
	Slow bool
	// RetryAfter is how long Zync asked us to wait; zero if it did not ask.
	RetryAfter time.Duration
	Err        error // the reason; nil if the token was delivered
}

// maxRetryAfter limits what Zync, or a proxy in front of it, may ask for.
const maxRetryAfter = time.Minute

// read turns a response into an answer. It never quotes the body: the body of a
// 201 repeats the plaintext token.
func read(response *http.Response, now time.Time) Answer {
	answer := Answer{Class: classify(response.StatusCode), Sent: true}
	switch answer.Class {
	case Delivered:
		if response.StatusCode == http.StatusOK && !isJSONObject(response.Body) {
			answer.Class = Rejected
			answer.Err = errors.New("the answer is 200 without a JSON object: this is not Zync; check ZYNC_ENDPOINT")
		}
	case Invalid:
		answer.Err = fmt.Errorf("zync refuses the tenant's data (422%s)", invalidFields(response.Body))
	case Transient:
		answer.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
		answer.Err = fmt.Errorf("zync answered %d", response.StatusCode)
	case Rejected:
		answer.Err = fmt.Errorf("zync answered %d: %s", response.StatusCode, advice(response.StatusCode))
	}
	return answer
}

// classify says what a status means. A 200 also needs a JSON object in its body,
// and a 422 to a push without an endpoint is not yet the last word.
func classify(status int) Class {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return Delivered
	case http.StatusUnprocessableEntity:
		return Invalid
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return Transient
	}
	if status >= http.StatusInternalServerError {
		return Transient
	}
	return Rejected
}

func advice(status int) string {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return "it does not accept our credential; check ZYNC_AUTHENTICATION_TOKEN"
	}
	return "this is not the Zync that we know; check ZYNC_ENDPOINT"
}

// isJSONObject tells a Zync's 200 from that of a login page or a proxy.
func isJSONObject(body io.Reader) bool {
	content, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return false
	}
	var object map[string]json.RawMessage
	return json.Unmarshal(content, &object) == nil && object != nil
}

// invalidFields names the fields that a 422 complains about. It leaves out the
// messages: they may quote what was sent.
func invalidFields(body io.Reader) string {
	var refusal struct {
		Errors map[string]json.RawMessage `json:"errors"`
	}
	content, _ := io.ReadAll(io.LimitReader(body, maxBody)) // the status has said it already
	if json.Unmarshal(content, &refusal) != nil {
		return ""
	}
	var names strings.Builder
	for _, name := range []string{"id", "endpoint", "access_token"} {
		if _, bad := refusal.Errors[name]; bad {
			names.WriteString(", " + name)
		}
	}
	return names.String()
}

// retryAfter reads both forms of the header, seconds and a date. A value that it
// can't read is no wait. A longer wait than the limit is cut to the limit.
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
