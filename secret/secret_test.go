package secret_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/secret"
)

func TestSecretsDoNotPrint(t *testing.T) {
	const value = "hunter2"
	s := secret.New(value)
	text, _ := s.MarshalText()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "in", struct{ S secret.Text }{s})
	for _, got := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), string(text), log.String(),
		fmt.Sprintf("%+v %#v", struct{ S secret.Text }{s}, []secret.Text{s}),
	} {
		if strings.Contains(got, value) || strings.Contains(got, fmt.Sprintf("%x", value)) || !strings.Contains(got, "[redacted]") {
			t.Errorf("a secret prints as %s", got)
		}
	}
	if s.Reveal() != value {
		t.Error("Reveal does not return the value")
	}
}
