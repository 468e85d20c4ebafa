package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// job is the input of a bare client.
type job struct {
	URL         string
	Concurrency int
	IDs         []int64
}

// bareClient pushes a token for each id and does nothing else: it has no database, no
// ledger and no retries. A rotation is compared with it.
func bareClient(ctx context.Context, in io.Reader) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, MaxConnsPerHost: j.Concurrency}}
	ids := make(chan int64)
	errs := make(chan error, j.Concurrency)
	began := time.Now()
	var workers sync.WaitGroup
	for range j.Concurrency {
		workers.Go(func() {
			for id := range ids {
				if err := put(ctx, client, j.URL, id); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for _, id := range j.IDs {
		select {
		case ids <- id:
		case err := <-errs:
			return err
		}
	}
	close(ids)
	workers.Wait()
	fmt.Println(time.Since(began).Seconds())
	return nil
}

func put(ctx context.Context, client *http.Client, url string, id int64) error {
	body, err := json.Marshal(map[string]any{"id": id, "access_token": fmt.Sprintf("%096x", id)})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url+"/tenant", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return err
}

// bare runs the bare client in its own process.
func bare(ctx context.Context, j job) (spent, error) {
	self, err := os.Executable()
	if err != nil {
		return spent{}, err
	}
	encoded, err := json.Marshal(j)
	if err != nil {
		return spent{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-bare")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(encoded), os.Stderr
	var out strings.Builder
	cmd.Stdout = &out
	s, err := measure(cmd)
	if err != nil {
		return s, fmt.Errorf("bare client: %w", err)
	}
	var seconds float64
	if _, err := fmt.Sscan(out.String(), &seconds); err != nil {
		return s, fmt.Errorf("bare client: %w", err)
	}
	s.task = time.Duration(seconds * float64(time.Second))
	return s, nil
}
