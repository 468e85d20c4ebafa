package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// pingTimeout is how long a ping may take.
const pingTimeout = 10 * time.Second

// ping is a URL to call after a run.
type ping struct {
	to   *url.URL
	task string
}

// pingFor returns the URL to call after a run. There is none after a run that did nothing,
// was told to end, or was for chosen tenants.
func (r *reporter) pingFor(report tasks.Report) (to *url.URL, wanted bool) {
	raw := r.ping()
	if raw.Empty() || report.Outcome == tasks.Busy || errors.Is(report.Err, tasks.ErrInterrupted) || report.Result.Chosen {
		return nil, false
	}
	to, err := url.Parse(raw.Reveal())
	if err != nil {
		return nil, false // config has checked it
	}
	if report.Err != nil || !report.Result.Complete {
		to = to.JoinPath("fail")
	}
	return to, true
}

// send sends pings until none is left.
func (r *reporter) send() {
	for p := r.take(); p != nil; p = r.take() {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		if err := get(ctx, p.to); err != nil {
			r.log.Warn("ping not delivered; the work is not affected", "task", p.task, "err", err)
		}
		cancel()
	}
}

func (r *reporter) take() *ping {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.next
	r.next, r.busy = nil, p != nil
	return p
}

// get asks an address. Its errors do not name the address, which is a secret. A
// service outside may need the environment's proxy.
func get(ctx context.Context, to *url.URL) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return errors.New("the URL can't be asked")
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		if named, is := errors.AsType[*url.Error](err); is {
			err = named.Err
		}
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("it answered %d", response.StatusCode)
	}
	return nil
}
