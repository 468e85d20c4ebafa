package config

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// environment looks up flags in variables, and in the files that variables name.
type environment struct {
	vars     map[string]string
	problems []string
	files    files // that were read
}

// Validate implements [kong.Resolver].
func (*environment) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (e *environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := flag.Tag.Get("var")
	if name == "" {
		return nil, nil //nolint:nilnil // kong's way to say "not here"
	}
	value, set := e.vars[name]
	if file := e.vars[name+"_FILE"]; file != "" && flag.Tag.Has("file") {
		if value != "" {
			e.problems = append(e.problems, fmt.Sprintf("%s and %s_FILE are both set; unset one", name, name))
			return nil, nil //nolint:nilnil // as above
		}
		var err error
		if value, err = readSecret(file); err != nil {
			e.problems = append(e.problems, fmt.Sprintf("%s_FILE: %v", name, err))
			return nil, nil //nolint:nilnil // as above
		}
		e.files[name] = value
	}
	if value == "" && (!set || !flag.Tag.Has("empty")) {
		return nil, nil //nolint:nilnil // as above
	}
	return value, nil
}

// hasTwin tells whether a variable has a twin that names a file.
func hasTwin(variable string) bool {
	for field := range reflect.TypeFor[Flags]().Fields() {
		if _, twin := field.Tag.Lookup("file"); twin && field.Tag.Get("var") == variable {
			return true
		}
	}
	return false
}
