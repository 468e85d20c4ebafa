package gateway

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// hasObject tells whether body is one JSON object and nothing more. The object must have
// key exactly once, and its value must be an object that is not empty.
func hasObject(body []byte, key string) bool {
	return hasMember(body, key, func(d *jsontext.Decoder) bool {
		if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
			return false
		}
		members := 0
		for ; d.PeekKind() == '"'; members++ {
			if d.SkipValue() != nil { // the name
				return false
			}
			if d.SkipValue() != nil {
				return false
			}
		}
		_, err := d.ReadToken() // the closing brace
		return err == nil && members > 0
	})
}

// saysNotFound tells whether body is the answer of Porta's own handler for a record that
// does not exist. Its status is a text. In Rails' 404 for an unknown path or host it is
// a number.
func saysNotFound(body []byte) bool {
	return hasMember(body, "status", func(d *jsontext.Decoder) bool {
		token, err := d.ReadToken()
		return err == nil && token.Kind() == '"' && token.String() == "Not found"
	})
}

// hasMember reads body in one pass. It tells whether body is one JSON object and nothing
// more, and has key exactly once, with a value that read accepts.
//
// Other names may repeat: Rails writes such JSON if a hash has a name both as text and
// as symbol.
func hasMember(body []byte, key string, read func(*jsontext.Decoder) bool) bool {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return false
	}
	found := 0
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return false
		}
		if name.String() != key {
			if d.SkipValue() != nil {
				return false
			}
			continue
		}
		if found++; !read(d) {
			return false
		}
	}
	if _, err := d.ReadToken(); err != nil { // the closing brace
		return false
	}
	_, err := d.ReadToken()
	return found == 1 && errors.Is(err, io.EOF)
}
