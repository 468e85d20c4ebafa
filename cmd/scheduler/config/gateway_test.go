package config

import (
	"strings"
	"testing"
)

func TestGateway(t *testing.T) {
	const porta, token, listen = "PORTA_ENDPOINT=http://porta:3000", "ZYNC_AUTHENTICATION_TOKEN=t", "GATEWAY_LISTEN_ADDRESS=:9396"
	for name, test := range map[string]struct {
		args, environ []string
		want          string // in the error; empty for none
	}{
		"all that it needs":     {environ: []string{porta, token, listen}},
		"neither":               {environ: []string{listen}, want: "needs --porta-endpoint (PORTA_ENDPOINT) and --zync-authentication-token (ZYNC_AUTHENTICATION_TOKEN)"},
		"no Porta":              {environ: []string{token, listen}, want: "needs --porta-endpoint (PORTA_ENDPOINT)"},
		"no credential":         {environ: []string{porta, listen}, want: "needs --zync-authentication-token (ZYNC_AUTHENTICATION_TOKEN)"},
		"no port":               {environ: []string{porta, token, "GATEWAY_LISTEN_ADDRESS=localhost"}, want: "want host:port or :port"},
		"Porta with a user":     {environ: []string{"PORTA_ENDPOINT=http://u:p@porta", token, listen}, want: "the Porta endpoint must be"},
		"a template":            {environ: []string{porta, token, listen, "TENANT_ENDPOINT=https://a-{self_domain}/"}},
		"root_url":              {environ: []string{porta, token, listen, "TENANT_ENDPOINT=https://porta.example.com/"}, want: "must have {self_domain} in it once"},
		"root_url, no gateway":  {environ: []string{"TENANT_ENDPOINT=https://porta.example.com/"}},
		"status needs nothing":  {args: []string{"--status"}, environ: []string{listen}},
		"a template of nothing": {environ: []string{"TENANT_ENDPOINT={self_domain}"}, want: "--tenant-endpoint (TENANT_ENDPOINT): want http://"},
		"placeholder":           {environ: []string{"PUSH=placeholder"}},
		"push nothing":          {environ: []string{"PUSH=nothing"}, want: `--push (PUSH): "nothing" is none of token, placeholder`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, test.args, usable(test.environ...))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q in it", err, test.want)
			case strings.Count(test.want, "needs") > 0 && strings.Count(err.Error(), "\n") != 1:
				t.Errorf("more than one problem: %v", err)
			}
		})
	}
	cfg, err := parse(t, nil, usable(porta, token, listen, "PUSH=placeholder", "TENANT_ENDPOINT=http://a-{self_domain}/"))
	if err != nil || cfg.Listen.Gateway != ":9396" || cfg.Listen.Address != ":9395" || !cfg.Zync.Placeholder ||
		cfg.Porta.Tenants.String() != "http://a-{self_domain}/" {
		t.Errorf("got %+v, error %v", cfg, err)
	}
}
