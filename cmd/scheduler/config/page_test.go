package config

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

const configurationPage = "../../../docs/configuration.md"

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

Every flag has a variable, except those for use by hand. A flag overrides its
variable, and the variable overrides the default.

A variable marked with † has a twin that ends in _FILE. The twin names a file with
the value. The daemon reads these files again for each new connection to MySQL or
Redis, and on SIGHUP, which also reads the log level. If a new value is not valid, it
is refused, and the old value stays in force.

If a configuration is not valid, the program names all that is wrong and exits with
code 2. scheduler --check also tests it against the servers.

Names that Porta or Zync also use have the same meaning here. The same Secret can
configure all three.
`

func writeConfigurationPage() (string, error) {
	parser, err := newParser(new(Flags), &environment{}, io.Discard, func(int) {})
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
