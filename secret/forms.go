package secret

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// formsOf returns the forms in which a secret may stand in a text: as it is, escaped
// for a URL, quoted for Go, JSON or HTML, in base64, and as Redis quotes it in its
// errors.
func formsOf(secret string) []string {
	encoded, _ := json.Marshal(secret) // a string always encodes
	forms := []string{
		secret,
		url.QueryEscape(secret), url.PathEscape(secret), escapedFor(url.UserPassword("u", secret).String()),
		within(strconv.Quote(secret)), within(strconv.QuoteToASCII(secret)), within(string(encoded)),
		html.EscapeString(secret),
		strings.NewReplacer("\r", " ", "\n", " ").Replace(secret),
		strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret),
	}
	for _, form := range forms[1:4] {
		forms = append(forms, lowerEscapes(form))
	}
	forms = append(forms, base64Of(secret)...)
	return slices.DeleteFunc(forms, func(form string) bool { return len(form) < shortest })
}

// escapedFor returns the password of a URL's user part.
func escapedFor(user string) string {
	_, password, _ := strings.Cut(user, ":")
	return password
}

// within takes the quotes away.
func within(quoted string) string { return quoted[1 : len(quoted)-1] }

// lowerEscapes writes the escapes of a URL with small letters.
func lowerEscapes(escaped string) string {
	b := []byte(escaped)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(escaped[i+1:i+3]))
		}
	}
	return string(b)
}

// base64Of returns what of a secret's base64 does not depend on its neighbours, for
// each of the three places in which it may begin: an Authorization header holds the
// base64 of user:password.
func base64Of(secret string) (forms []string) {
	for before := range 3 {
		padded := make([]byte, before, before+len(secret))
		padded = append(padded, secret...)
		from, to := (before*8+5)/6, len(padded)*8/6
		if to-from < 2*shortest {
			continue
		}
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, encoding.EncodeToString(padded)[from:to])
		}
	}
	return forms
}
