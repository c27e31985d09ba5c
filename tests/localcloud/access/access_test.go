package access_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"aftercare/tests/localcloud/access"
)

func TestSecretIsToldForTheRightTokenOnly(t *testing.T) {
	keys := access.NewKeys(access.Key{ID: "long", Secret: "s1"}, access.Key{ID: "STS.x", Secret: "s2", Token: "t2"})
	for _, c := range []struct {
		id, token, secret string
		err               error
	}{
		{"long", "", "s1", nil},
		{"STS.x", "t2", "s2", nil},
		{"STS.x", "", "", access.ErrWrongToken},
		{"long", "t2", "", access.ErrWrongToken},
		{"other", "", "", access.ErrUnknownID},
	} {
		secret, err := keys.Secret(c.id, c.token)
		if secret != c.secret || !errors.Is(err, c.err) {
			t.Errorf("Secret(%s, %s) = %q, %v, want %q, %v", c.id, c.token, secret, err, c.secret, c.err)
		}
	}
	keys.Remove("long")
	if _, err := keys.Secret("long", ""); !errors.Is(err, access.ErrUnknownID) {
		t.Errorf("after Remove: %v, want ErrUnknownID", err)
	}
}

func TestWebPagesAreRefused(t *testing.T) {
	served := access.RefusePages(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"127.0.0.1:1234", "", http.StatusOK},
		{"localhost:1234", "", http.StatusOK},
		{"[::1]:1234", "", http.StatusOK},
		{"127.0.0.1:1234", "http://127.0.0.1:1234", http.StatusForbidden},
		{"127.0.0.1:1234", "null", http.StatusForbidden},
		{"rebound.example.com:1234", "", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("a request for %s from %q got %d, want %d", c.host, c.origin, w.Code, c.want)
		}
	}
}
