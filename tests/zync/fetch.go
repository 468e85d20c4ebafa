package zync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Fetcher asks for a tenant's data as Zync's jobs do: plain HTTP to the host and port
// of SYSTEM_PROVIDER_PORT, one request a connection, with the headers that were
// recorded.
type Fetcher struct {
	Addr    string        // host:port, Porta's or a gateway's
	Token   string        // ZYNC_AUTHENTICATION_TOKEN; no header if empty
	TimeOut time.Duration // for each read; a minute if zero
}

// Fetch is a job's request.
type Fetch struct {
	Host  string // of the tenant's endpoint
	URI   string // path and query
	Token string // that Zync holds
	ID    string // X-Request-Id
}

// Fetched is the result of a job.
type Fetched struct {
	Status  int // zero if there was no answer
	Header  http.Header
	Body    []byte
	Deleted bool // Zync deletes what it asked for at the identity provider
	Err     error
}

// Do runs a job once. After a time-out Zync asks a second time. After a second time-out
// it deletes.
func (f *Fetcher) Do(ctx context.Context, job Fetch) Fetched {
	for try := 1; ; try++ {
		got := f.once(ctx, job)
		var slow net.Error
		if got.Err == nil || !errors.As(got.Err, &slow) || !slow.Timeout() {
			return got
		}
		if try == 2 {
			got.Deleted = true
			return got
		}
	}
}

func (f *Fetcher) once(ctx context.Context, job Fetch) Fetched {
	patience := f.TimeOut
	if patience == 0 {
		patience = time.Minute
	}
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", f.Addr)
	if err != nil {
		return Fetched{Err: err}
	}
	defer func() { _ = conn.Close() }()
	client := &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
			DisableKeepAlives:  true,
			DisableCompression: true,
		},
	}
	response, err := client.Do(f.request(ctx, job))
	if err != nil {
		return Fetched{Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Fetched{Status: response.StatusCode, Err: err}
	}
	return Fetched{Status: response.StatusCode, Header: response.Header, Body: body, Deleted: deletes(response.StatusCode, body)}
}

func (f *Fetcher) request(ctx context.Context, job Fetch) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.Addr+job.URI, nil)
	if err != nil {
		panic(err) // a test's mistake
	}
	r.Close = true
	r.SetBasicAuth("", job.Token)
	for name, value := range map[string]string{
		"Accept": "application/json", "Content-Type": "application/json", "X-Request-Id": job.ID,
		"X-Forwarded-Host": job.Host, "X-Forwarded-Proto": "https", "X-Zync-Token": f.Token,
		"Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3", "User-Agent": "Ruby",
	} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

// deletes tells whether Zync takes an answer for "gone".
func deletes(status int, body []byte) bool {
	switch status {
	case http.StatusNotFound, http.StatusUnprocessableEntity:
		return true
	case http.StatusOK:
		// Empty, or without the record under its name.
		var document map[string]map[string]any
		if len(bytes.TrimSpace(body)) == 0 {
			return true
		}
		if json.Unmarshal(body, &document) != nil {
			return false // its job fails
		}
		for _, record := range document {
			if len(record) > 0 {
				return false
			}
		}
		return true
	}
	return false
}
