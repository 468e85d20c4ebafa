package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

const (
	// maxBody is how much of an answer is read. Zync's answers have a few KiB.
	maxBody = 4 << 20
	// smallBody is what any request may hold in memory. Only largeMost larger bodies are
	// in memory at a time; the other requests wait.
	smallBody = 32 << 10
	largeMost = 2
	// firstRead is the room for a body of unknown length.
	firstRead = 4 << 10
)

// answer is Porta's, read whole.
type answer struct {
	trouble trouble // why there is no answer
	status  int
	header  http.Header
	body    []byte
	whole   bool // false if the body broke off or is larger than maxBody

	large chan struct{} // a large body holds one of its places
}

// refusesToken tells whether Porta refused the token. Porta's answer is the same for a
// tenant that is not approved.
func (a answer) refusesToken() bool {
	return a.trouble == noTrouble && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden)
}

// free gives back the place of a large body. The body must not be used afterwards.
func (a answer) free() {
	if a.large != nil {
		<-a.large
	}
}

// read reads an answer to its end, or to maxBody.
func (p *porta) read(ctx context.Context, response *http.Response) answer {
	a := answer{status: response.StatusCode, header: response.Header}
	if a.status == http.StatusSwitchingProtocols {
		return a // what follows is no body: it has no end, and ctx does not bound it
	}
	room := firstRead
	if n := response.ContentLength; n >= 0 && n <= smallBody {
		room = int(n) + bytes.MinRead // so that the buffer need not grow at the end
	}
	body := bytes.NewBuffer(make([]byte, 0, room))
	_, err := body.ReadFrom(io.LimitReader(response.Body, smallBody))
	if err == nil && body.Len() == smallBody {
		select {
		case p.large <- struct{}{}:
			a.large = p.large
		case <-ctx.Done():
			return answer{trouble: tooManyLarge}
		}
		_, err = body.ReadFrom(io.LimitReader(response.Body, maxBody-smallBody+1))
	}
	if err != nil && troubleOf(err) == tooSlow {
		a.free()
		return answer{trouble: tooSlow}
	}
	a.whole = err == nil && body.Len() <= maxBody
	a.body = body.Bytes()[:min(body.Len(), maxBody)]
	return a
}
