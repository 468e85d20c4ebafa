package gateway

import (
	"encoding/json"
	"testing"
)

// FuzzDocument: a body that passes is one that Go's own parser takes, too, and has under
// the key an object that is not empty.
func FuzzDocument(f *testing.F) {
	for _, body := range []string{
		accountJSON, notFound, railsJSON, "", "{}", `{"account":{}}`, `{"account":{"a":[{"b":null}]},"x":1e5}`, `{"account":{"id":1}} x`,
		`{"account":{"id":1},"account":2}`, `[{"account":{"id":1}}]`, "{\"\\u0061ccount\":{\"id\":1}}", `{"account":{"id":1,}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var document map[string]json.RawMessage
		err := json.Unmarshal(body, &document)
		if hasObject(body, "account") {
			var record map[string]json.RawMessage
			if err != nil || json.Unmarshal(document["account"], &record) != nil || len(record) == 0 {
				t.Errorf("%q passed: %v", body, err)
			}
		}
		if saysNotFound(body) && (err != nil || string(document["status"]) == "404") {
			t.Errorf("%q says that it is gone: %v", body, err)
		}
	})
}
