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
	for _, c := range []struct {
		host, origin string
		remote       bool
		want         int
	}{
		{host: "127.0.0.1:1234", want: http.StatusOK},
		{host: "localhost:1234", want: http.StatusOK},
		{host: "[::1]:1234", want: http.StatusOK},
		{host: "127.0.0.1:1234", origin: "http://127.0.0.1:1234", want: http.StatusForbidden},
		{host: "127.0.0.1:1234", origin: "null", want: http.StatusForbidden},
		{host: "rebound.example.com:1234", want: http.StatusForbidden},
		{host: "bus.example.com:1234", remote: true, want: http.StatusOK},
		{host: "bus.example.com:1234", origin: "null", remote: true, want: http.StatusForbidden},
	} {
		s, err := access.Listen{Remote: c.remote}.Start("eventbridge")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		served := s.RefusePages(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("a request for %s from %q, remote %v, got %d, want %d", c.host, c.origin, c.remote, w.Code, c.want)
		}
	}
}
