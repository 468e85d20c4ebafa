package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

const configurationPage = "../../docs/configuration.md"

// TestConfigurationPage: docs/configuration.md lists the program's own flags.
// UPDATE=1, which make docs sets, writes it.
func TestConfigurationPage(t *testing.T) {
	want, err := writeConfigurationPage()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(configurationPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/configuration.md is not what the flags say; make docs writes it")
	}
}

const configurationPreface = `# Configuration

Made from the flags of the program by make docs; scheduler --help says the same.

Every flag has a variable, but those for use by hand. A flag goes before its
variable, and that before the default. A variable marked with † has a twin that ends
in _FILE and names a file to read the value from; the daemon reads those files anew
with each new connection to MySQL or Redis, and all of them, with the log level, on
SIGHUP. A value that can't be used there is refused, and the old one kept. All that
is wrong with a configuration is said at once, with exit code 2; scheduler --check
tries it against the servers.

Names that Porta or Zync use have the same meaning here, so the secrets that feed
them feed the scheduler.
`

func writeConfigurationPage() (string, error) {
	parser, err := newParser(new(flags), &environment{}, io.Discard, func(int) {})
	if err != nil {
		return "", err
	}
	var page strings.Builder
	page.WriteString(configurationPreface)
	group := ""
	for _, flag := range parser.Model.Flags {
		if flag.Name == "help" {
			continue
		}
		title := "Others"
		if flag.Group != nil {
			title = flag.Group.Title
		}
		if title != group {
			group = title
			fmt.Fprintf(&page, "\n## %s\n\n| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n", title)
		}
		variable := ""
		if name := flag.Tag.Get("var"); name != "" {
			variable = "`" + name + "`"
			if flag.Tag.Has("file") {
				variable += " †"
			}
		}
		value := ""
		if flag.HasDefault {
			value = "`" + flag.Default + "`"
		}
		name := "`--" + flag.Name
		if flag.PlaceHolder != "" {
			name += "=" + strings.ToUpper(flag.PlaceHolder)
		}
		help, _, _ := strings.Cut(flag.Help, " [") // the variables
		help = strings.ReplaceAll(help, " (default: "+flag.Default+")", "")
		help = strings.ReplaceAll(help, "(default: "+flag.Default+"; ", "(")
		fmt.Fprintf(&page, "| %s` | %s | %s | %s |\n", name, variable, value, strings.ReplaceAll(help, "|", "\\|"))
	}
	return page.String(), nil
}
