package secret_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/token-scheduler/token-scheduler/secret"
)

const password = `hun"ter2/<ü>+ %'\`

func TestEveryFormOfASecretIsMasked(t *testing.T) {
	s := secret.NewScrubber(secret.New(password))
	encoded, _ := json.Marshal(password)
	target := url.URL{Scheme: "http", Host: "zync", User: url.UserPassword("u", password)}
	for form, text := range map[string]string{
		"raw":         password,
		"query":       url.QueryEscape(password),
		"path":        url.PathEscape(password),
		"lower":       strings.ReplaceAll(url.QueryEscape(password), "%2F", "%2f"),
		"url":         target.String(),
		"quoted":      fmt.Sprintf("%q", password),
		"ascii":       fmt.Sprintf("%+q", password),
		"json":        string(encoded),
		"base64":      base64.StdEncoding.EncodeToString([]byte(password)),
		"basic":       base64.StdEncoding.EncodeToString([]byte(":" + password)),
		"basic admin": base64.URLEncoding.EncodeToString([]byte("ad:" + password + "tail")),
		"cut short":   password[:len(password)-2],
	} {
		got := s.Clean("ERR unknown command 'AUTH', beginning with '" + text + "'")
		if !strings.Contains(got, secret.Redacted) || strings.Contains(got, "ter2") {
			t.Errorf("%s: %s", form, got)
		}
		if s.Mask(text) == text {
			t.Errorf("%s is not found in %s", form, text)
		}
	}
}

func TestSecretsThatOverlap(t *testing.T) {
	s := secret.NewScrubber(secret.New("xab"), secret.New("abcdefgh"), secret.New("ab"), secret.New(""))
	if got := s.Mask("<xabcdefgh> about"); got != "<[redacted]> about" {
		t.Error(got)
	}
}

func TestCleanTextIsOneShortLine(t *testing.T) {
	s := secret.NewScrubber(secret.New("hunter2"))
	for text, want := range map[string]string{
		"a\r\nb\x1b[31mc\x00\u202ed": "a  b[31mcd",
		"hun\x00ter2":                "[redacted]",
		"hun\xffter2":                "[redacted]",
		"nothing to do, ü":           "nothing to do, ü",
	} {
		if got := s.Clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := s.Clean(strings.Repeat("ü", 2000)); got != strings.Repeat("ü", 1000)+"…" {
		t.Errorf("%d bytes", len(got))
	}
	if got := (*secret.Scrubber)(nil).Clean("a\nb"); got != "a b" {
		t.Errorf("without secrets %q", got)
	}
}

func TestSecretsThatAreReloaded(t *testing.T) {
	s := secret.NewScrubber(secret.New("before1"))
	s.Know(secret.New("after22"))
	if got := s.Clean("before1, after22"); got != "[redacted], [redacted]" {
		t.Error(got)
	}
}

func TestScrubbedErrorStillWraps(t *testing.T) {
	s := secret.NewScrubber(secret.New("hunter2"))
	err := s.Error(fmt.Errorf("AUTH hunter2: %w", io.EOF))
	if err.Error() != "AUTH [redacted]: EOF" || !errors.Is(err, io.EOF) || s.Error(nil) != nil || !errors.Is(s.Error(io.EOF), io.EOF) {
		t.Error(err)
	}
}

func TestLogIsScrubbed(t *testing.T) {
	s := secret.NewScrubber(secret.New("hunter2"))
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var out strings.Builder
		log := slog.New(s.Handler(handler(&out))).With("url", "redis://:hunter2@x").WithGroup("g")
		log.Info("hunter2", "err", errors.New("AUTH hunter2"), "list", []string{"hunter2"}, "n", 1, "took", time.Second,
			slog.Group("in", "text", "hunter2"), "lazy", lazy("hunter2"))
		if strings.Contains(out.String(), "hunter2") || strings.Count(out.String(), secret.Redacted) != 6 {
			t.Errorf("%s: %s", name, &out)
		}
	}
}

type lazy string

// LogValue implements [slog.LogValuer].
func (l lazy) LogValue() slog.Value { return slog.StringValue(string(l)) }

// FuzzClean: whatever stands around a secret, and however it is cut into pieces by
// what can't be printed, it is not printed.
func FuzzClean(f *testing.F) {
	f.Add("hunter2", "AUTH ", "\x00tail")
	f.Add("a\tb", "a\t", "b")
	f.Add("ünïcödé-password", "\xff", "\x1b[0m")
	f.Add("aaa", "aa", "a")
	f.Fuzz(func(t *testing.T, password, before, after string) {
		s := secret.NewScrubber(secret.New(password))
		got := s.Clean(before + password + after)
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || len(got) > 2010 {
			t.Errorf("%q", got)
		}
		if len(password) < 3 || strings.ContainsAny(password, "[]…") || slices.Contains(parts("redacted"), password) {
			return // it may stand in what replaces it
		}
		if strings.Contains(got, password) {
			t.Errorf("%q in %q", password, got)
		}
	})
}

// parts are all substrings.
func parts(text string) (all []string) {
	for from := range text {
		for to := from; to <= len(text); to++ {
			all = append(all, text[from:to])
		}
	}
	return all
}

func BenchmarkCleanNothingToDo(b *testing.B) {
	s := secret.NewScrubber(secret.New("one-password"), secret.New("another-password"), secret.New("a-credential-of-zync"))
	text := strings.Repeat("dial tcp 10.0.0.1:6379: connect: connection refused ", 4)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Clean(text)
	}
}
