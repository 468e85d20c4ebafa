// Licences prints the licence texts of all that a program is linked from: Go's own
// library, and the modules whose packages the program imports. It reads them from the
// module cache, so it needs no network once the program has been built. A module without
// a licence is an error: it must not be shipped.
//
//	go run ./deploy/licences -o THIRD-PARTY-LICENCES ./cmd/scheduler
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// module is a source of packages, with the folder that it was unpacked to.
type module struct {
	name, dir string
}

func main() {
	file := flag.String("o", "/dev/stdout", "`file` to write to")
	flag.Parse()
	if err := run(context.Background(), flag.Args(), *file); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, packages []string, file string) error {
	modules, err := linked(ctx, packages)
	if err != nil {
		return err
	}
	var texts bytes.Buffer
	for _, m := range modules {
		if err := m.print(&texts); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return os.WriteFile(file, texts.Bytes(), 0o644) //nolint:gosec // everybody may read it
}

// linked lists Go and the modules that packages are linked from, each once.
func linked(ctx context.Context, packages []string) ([]module, error) {
	const format = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}`
	list, err := output(ctx, append([]string{"list", "-deps", "-f", format}, packages...)...)
	if err != nil {
		return nil, err
	}
	root, err := output(ctx, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	lines := slices.Compact(slices.Sorted(strings.Lines(list)))
	modules := []module{{"Go " + strings.TrimPrefix(runtime.Version(), "go"), strings.TrimSpace(root)}}
	for _, line := range lines {
		if name, dir, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			modules = append(modules, module{name, dir})
		}
	}
	return modules, nil
}

func output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // its arguments are those of this file
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(out), nil
}

var errNoLicence = errors.New("has no licence")

// print writes the texts in the module's own folder, under its name.
func (m module) print(out io.Writer) error {
	isLicence := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)[^/]*$`)
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	found := false
	for _, entry := range entries {
		if entry.IsDir() || !isLicence.MatchString(entry.Name()) {
			continue
		}
		found = true
		text, err := os.ReadFile(filepath.Join(m.dir, entry.Name()))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "==== %s: %s\n\n%s\n", m.name, entry.Name(), text); err != nil {
			return err
		}
	}
	if !found {
		return errNoLicence
	}
	return nil
}
