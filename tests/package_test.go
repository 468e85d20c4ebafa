package tests

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// flagsIn returns the long flags that a text explains, in order.
func flagsIn(text, pattern string) (names []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}

// TestManualPageHasEachFlag makes the manual page as a release does. A long text of
// --help is wrapped, so the texts are compared without spaces.
func TestManualPageHasEachFlag(t *testing.T) {
	t.Parallel()
	help, err := exec.Command(binary, "--help").Output()
	must(t, err)
	awk := exec.Command("awk", "-v", "version=1.2.3", "-v", "date=2026-11-25", "-f", "../deploy/package/manpage.awk")
	awk.Stdin = strings.NewReader(string(help))
	roff, err := awk.Output()
	must(t, err)
	page := strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\e`, `\`).Replace(string(roff))

	want := flagsIn(string(help), `(?m)^ +(?:-\w, +)?--([a-z-]+)`)
	if got := flagsIn(page, `(?m)^\.TP\n\\fB(?:-\w, )?--([a-z-]+)`); len(want) < 40 || !slices.Equal(got, want) {
		t.Errorf("the page explains %v, --help %v", got, want)
	}
	solid := func(text string) string { return strings.Join(strings.Fields(text), "") }
	for _, meaning := range []string{"Key of the client certificate, PEM. [DATABASE_SSL_KEY]", "75 another run of the task is at work."} {
		if !strings.Contains(solid(page), solid(meaning)) {
			t.Errorf("the page does not say %q:\n%s", meaning, page)
		}
	}
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "FILES"} {
		if !strings.Contains(page, "\n.SH "+section+"\n") {
			t.Errorf("the page has no section %s", section)
		}
	}
}

// TestEachModuleHasALicence prints the licences as a release does.
func TestEachModuleHasALicence(t *testing.T) {
	t.Parallel()
	out, err := tool(t, "..", "go", "run", "./deploy/licences", "./cmd/scheduler")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, module := range []string{"Go 1.", "github.com/alecthomas/kong v", "github.com/go-sql-driver/mysql v"} {
		if !strings.Contains(out, "==== "+module) {
			t.Errorf("no licence of %s", module)
		}
	}
	if strings.Contains(out, "chromedp") {
		t.Error("a module of the tests is among what is linked")
	}
}
