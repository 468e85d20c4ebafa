package tests

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`(Test[A-Z]\\w*)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInID  = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// TestPages: the tests that the pages name exist, and their links lead somewhere.
func TestPages(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, file := range filesOf(t, "_test.go") {
		for _, found := range testFunc.FindAllStringSubmatch(contentOf(t, file), -1) {
			known[found[1]] = true
		}
	}
	for _, page := range filesOf(t, ".md") {
		text := contentOf(t, page)
		for _, found := range testName.FindAllStringSubmatch(text, -1) {
			if !known[found[1]] {
				t.Errorf("%s names %s, which does not exist", page, found[1])
			}
		}
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if !leadsSomewhere(t, page, found[1]) {
				t.Errorf("%s links to %s, which does not exist", page, found[1])
			}
		}
	}
}

// TestIndexNamesEachPage: docs/README.md has a link to each page and each decision.
func TestIndexNamesEachPage(t *testing.T) {
	t.Parallel()
	index := read(t, "docs", "README.md")
	for _, page := range filesOf(t, ".md") {
		name, inDocs := strings.CutPrefix(page, "../docs/")
		if inDocs && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}

// filesOf returns the project's files whose names end in suffix.
func filesOf(t *testing.T, suffix string) (files []string) {
	t.Helper()
	must(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".tools", "bin", "dist"}, entry.Name()):
			return filepath.SkipDir
		case strings.HasSuffix(path, suffix):
			files = append(files, path)
		}
		return nil
	}))
	return files
}

func contentOf(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return string(content)
}

// leadsSomewhere tells whether a link on a page is to another site, or to a file and a
// heading that are there.
func leadsSomewhere(t *testing.T, page, target string) bool {
	t.Helper()
	if strings.Contains(target, "://") {
		return true
	}
	path, id, hasID := strings.Cut(target, "#")
	if path != "" {
		page = filepath.Join(filepath.Dir(page), path)
	}
	if _, err := os.Stat(page); err != nil || !hasID {
		return err == nil
	}
	for _, found := range heading.FindAllStringSubmatch(contentOf(t, page), -1) {
		if strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-") == id {
			return true
		}
	}
	return false
}

// TestPageHasEachKeyAndMetric: how-it-works.md explains each key that a daemon and its
// runs leave in Redis, and each metric.
func TestPageHasEachKeyAndMetric(t *testing.T) {
	t.Parallel()
	page := read(t, "docs", "how-it-works.md")
	w := newWorld(t, 10)
	w.zync.SetFault(invalid)
	d := w.start(nil)
	d.logs("run ended", "outcome=partial")
	prefix := "token-scheduler:{" + w.porta.Name + "}:"
	eventually(t, "a daemon in Redis", func() bool { return w.redis().Exists(t.Context(), prefix+"processes").Val() == 1 })
	for _, key := range w.redis().Keys(t.Context(), prefix+"*").Val() {
		if name := strings.TrimPrefix(key, prefix); !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the page does not explain the key %s", name)
		}
	}
	response, err := http.Get(d.address() + "/metrics")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	must(t, err)
	for _, found := range regexp.MustCompile(`(?m)^# TYPE token_scheduler_(\w+)`).FindAllStringSubmatch(string(content), -1) {
		if !regexp.MustCompile("`" + found[1] + "[`{]").MatchString(page) {
			t.Errorf("the page does not explain the metric %s", found[1])
		}
	}
	d.stops()
}

// TestGatewaysPageHasEachMetricAndReason: gateway.md explains each metric, each outcome and
// each reason of the log.
func TestGatewaysPageHasEachMetricAndReason(t *testing.T) {
	t.Parallel()
	page := read(t, "docs", "gateway.md")
	for _, source := range []struct{ file, names string }{
		{"metrics.go", `Name: +"(\w+)"`},
		{"reason.go", `(?:outcome|reason) += "(\w+)"`},
	} {
		found := regexp.MustCompile(source.names).FindAllStringSubmatch(read(t, "gateway", source.file), -1)
		if len(found) < 4 {
			t.Errorf("%d names in %s", len(found), source.file)
		}
		for _, name := range found {
			if !regexp.MustCompile("`" + name[1] + "[`{]").MatchString(page) {
				t.Errorf("the page does not explain %s", name[1])
			}
		}
	}
}
