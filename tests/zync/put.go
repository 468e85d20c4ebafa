package zync

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"
)

func (z *Zync) putTenant(w http.ResponseWriter, r *http.Request) {
	if z.token != "" && r.Header.Get("Authorization") != `Token token="`+z.token+`"` {
		answer(w, http.StatusUnauthorized, "HTTP Token: Access denied.\n")
		return
	}
	var body struct {
		ID          json.Number `json:"id"`
		Endpoint    *string     `json:"endpoint"`
		AccessToken string      `json:"access_token"`
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(content, &body) != nil {
		answer(w, http.StatusBadRequest, `{"status":400}`)
		return
	}
	id, err := strconv.ParseInt(body.ID.String(), 10, 64)
	push, fault := z.arrived(id, body.AccessToken, body.Endpoint != nil)
	if !wait(r.Context(), z.delay+fault.Delay) {
		return
	}
	if fault.Store {
		z.take(push, body.Endpoint)
	}
	switch {
	case fault.Hang:
		<-r.Context().Done()
	case fault.Cut:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		maps.Copy(w.Header(), fault.Header)
		answer(w, fault.Status, fault.Body)
	case err != nil || id < 1 || body.AccessToken == "":
		answer(w, http.StatusUnprocessableEntity, `{"errors":{"id":["must be greater than 0"]}}`)
	default:
		status := z.take(push, body.Endpoint)
		if status == http.StatusUnprocessableEntity {
			answer(w, status, `{"errors":{"endpoint":["can't be blank"]}}`)
			return
		}
		w.WriteHeader(status)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (z *Zync) arrived(id int64, token string, hasEndpoint bool) (Push, Fault) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.pushes++
	push := Push{N: z.pushes, TenantID: id, Token: token, HasEndpoint: hasEndpoint}
	if z.fault == nil {
		return push, Fault{}
	}
	return push, z.fault(push)
}

// take stores a token as Zync does. If the body has no endpoint, it keeps the one it
// has, and refuses a tenant for which it has none.
func (z *Zync) take(push Push, endpoint *string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	had, known := z.holds[push.TenantID]
	now := Holding{TenantID: push.TenantID, Token: push.Token, Endpoint: had.Endpoint, At: time.Now()}
	if endpoint != nil {
		now.Endpoint = *endpoint
	}
	switch {
	case now.Endpoint == "":
		return http.StatusUnprocessableEntity
	case known && had.Token == now.Token && had.Endpoint == now.Endpoint:
		return http.StatusCreated
	}
	z.store(now)
	if known {
		return http.StatusNoContent
	}
	return http.StatusCreated
}

func (z *Zync) store(h Holding) {
	z.holds[h.TenantID] = h
	z.history = append(z.history, h)
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
