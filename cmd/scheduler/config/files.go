package config

import (
	"fmt"
	"maps"
	"os"
	"strings"
)

// readSecret returns what a file holds, without the line breaks at its end.
func readSecret(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return text, nil
}

// files are the contents of the files that variables name, by variable without _FILE.
type files map[string]string

// readFiles reads the files that variables name. It returns why some can't be used.
func readFiles(environ []string) (contents files, unusable map[string]error) {
	contents, unusable = files{}, map[string]error{}
	for _, pair := range environ {
		variable, file, _ := strings.Cut(pair, "=")
		name, isFile := strings.CutSuffix(variable, "_FILE")
		if !isFile || file == "" || !hasTwin(name) {
			continue
		}
		text, err := readSecret(file)
		if err != nil {
			unusable[name] = err
			continue
		}
		contents[name] = text
	}
	return contents, unusable
}

// add adds what is missing.
func (f files) add(others files) {
	for name, content := range others {
		if _, known := f[name]; !known {
			f[name] = content
		}
	}
}

// environ returns the environment with the contents in place of the files.
func (f files) environ(environ []string) []string {
	var all []string
	for _, pair := range environ {
		variable, _, _ := strings.Cut(pair, "=")
		name, _ := strings.CutSuffix(variable, "_FILE")
		if _, isFile := f[name]; !isFile {
			all = append(all, pair)
		}
	}
	for name, content := range maps.All(f) {
		all = append(all, name+"="+content)
	}
	return all
}
