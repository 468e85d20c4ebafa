package zync

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzEndpoint: for any host in Porta's row there is an error, or a URL with that host
// and nothing else in it.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{"t.example.com", "t.example.com:8443", "a..b", "-", "a@b", "a/b", "a?b", "[::1]", "ü", "a b", "a\x00", "{self_domain}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		endpoint, err := Endpoint{}.Of(host)
		if err != nil {
			return
		}
		u, err := url.Parse(endpoint)
		if err != nil || u.Host != host || u.Scheme != "https" || u.Path != "/" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("host %q makes %q", host, endpoint)
		}
	})
}

func TestEndpoints(t *testing.T) {
	for template, want := range map[string]string{
		"https://{self_domain}/":                   "https://t.example.com/",
		"http://{self_domain}:3000/":               "http://t.example.com:3000/",
		"https://porta.example/":                   "https://porta.example/", // Porta's root_url
		"https://{self_domain}.preview.example/x/": "https://t.example.com.preview.example/x/",
	} {
		e, err := ParseEndpoint(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got, err := e.Of("t.example.com"); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", template, got, err, want)
		}
	}
	for _, template := range []string{"", "{self_domain}", "ftp://{self_domain}/", "https://user:x@{self_domain}/", "https://{self_domain}/?a=b", "https://{self_domain}/{self_domain}", "https:///"} {
		if _, err := ParseEndpoint(template); err == nil {
			t.Errorf("%q was taken for a template", template)
		}
	}
	long, err := ParseEndpoint("https://{self_domain}/" + strings.Repeat("a", 250))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := long.Of("t.example.com"); err == nil {
		t.Errorf("%d characters were taken: Zync's column holds 255", len(got))
	}
}
