package gateway

import (
	"net/http"
	"strconv"
)

// reply is what Zync gets.
type reply struct {
	verdict

	held *held // nil if the tenant is not known
	err  error // why there is no token, for the log
}

// verdict says what the gateway does with a request and with Porta's answer to it.
type verdict struct {
	answer  answer // Porta's
	pass    bool   // hand Porta's answer on; otherwise the gateway answers with reason
	status  int
	outcome outcome
	reason  reason // empty if Zync got what it asked for
	shield  bool   // Porta's answer would have made Zync delete something
	again   bool   // the token is dead: ask once more with a fresh one
}

// own is the gateway's own answer.
func own(why reason) reply { return reply{verdict: refuse(answer{}, why)} }

// refuse keeps Porta's answer from Zync.
func refuse(a answer, why reason) verdict {
	r := why.ruling()
	return verdict{answer: a, status: r.status, outcome: r.outcome, reason: why, shield: r.shield}
}

// handOn gives Zync Porta's answer.
func handOn(a answer, o outcome, why reason) verdict {
	return verdict{answer: a, pass: true, status: a.status, outcome: o, reason: why}
}

// write sends the answer. It ignores errors: they mean that Zync has hung up.
func (r reply) write(w http.ResponseWriter) {
	header := w.Header()
	body := r.answer.body
	if r.pass {
		for _, name := range []string{"Content-Type", "X-Request-Id", "Retry-After"} {
			if value := r.answer.header.Get(name); value != "" {
				header.Set(name, value)
			}
		}
	} else {
		body = []byte(`{"error":"` + r.reason.ruling().text + `"}`)
		header.Set("Content-Type", "application/json")
		if seconds := r.reason.ruling().retryAfter; seconds > 0 {
			header.Set("Retry-After", strconv.Itoa(seconds))
		}
		if r.status == http.StatusMethodNotAllowed {
			header.Set("Allow", http.MethodGet)
		}
	}
	if _, typed := header["Content-Type"]; !typed {
		header["Content-Type"] = nil // or net/http guesses one
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(body)
}
