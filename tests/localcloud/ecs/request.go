package ecs

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"aftercare/tests/localcloud/access"
)

// maxBody is the size of a form, in bytes. It leaves room for all that the
// service accepts: 24 KB of base64 in percent-encoding, and parameters.
const maxBody = 1 << 20

// read reads a call and checks its signature. Its parameters come from the
// query and from a form. Action and Version are parameters of signature
// version 1 and headers of ACS3, and are among the parameters that are returned.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (params, *apiError) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost || r.URL.Path != "/" {
		return params{}, bad("UnsupportedHTTPMethod", "only GET and POST of / are served")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return params{}, refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the body is larger than %d bytes", large.Limit)
	} else if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	// Before what the body says: a signature covers it as bytes.
	inHeader := r.Header.Get("Authorization") != ""
	if inHeader {
		if refused := s.verifier.Header(r, body); refused != nil {
			return params{}, refusal(refused)
		}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if len(body) > 0 && (r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded") {
		return params{}, notImitated("a body other than a form that is posted: %s with the type %q", r.Method, r.Header.Get("Content-Type"))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseForm(); err != nil {
		return params{}, bad("InvalidParameter", "the parameters cannot be read: %v", err)
	}
	if inHeader {
		return fromHeaders(r)
	}
	if refused := s.verifier.RPC(r.Method, r.Form); refused != nil {
		return params{}, refusal(refused)
	}
	if r.Form.Get("Format") == "" {
		return params{}, notImitated("answers in XML, which are the default of signature version 1: set the parameter Format to JSON")
	}
	return checked(r.Form)
}

func refusal(refused *access.Refusal) *apiError {
	return refuse(refused.Status, refused.Code, "%s", refused.Message)
}

// fromHeaders puts action and version, which ACS3 has in headers, among the
// parameters.
func fromHeaders(r *http.Request) (params, *apiError) {
	for name := range r.Form {
		if common[name] && name != "RegionId" && name != "Format" {
			return params{}, notImitated("the parameter %s, which belongs to signature version 1, in a call that is signed in a header", name)
		}
	}
	for _, name := range []string{"Action", "Version"} {
		header := "x-acs-" + strings.ToLower(name)
		if r.Header.Get(header) == "" {
			return params{}, bad("Missing"+name, "required HTTP header %s was not specified", header)
		}
		r.Form.Set(name, r.Header.Get(header))
	}
	return checked(r.Form)
}

// checked refuses another version of the API, and answers in another format
// than JSON.
func checked(form url.Values) (params, *apiError) {
	if version := form.Get("Version"); version != "2014-05-26" {
		return params{}, bad("InvalidVersion", "the version %q is not 2014-05-26", version)
	}
	switch format := form.Get("Format"); {
	case strings.EqualFold(format, "XML"):
		return params{}, notImitated("answers in XML, only in JSON")
	case format != "" && !strings.EqualFold(format, "JSON"):
		return params{}, bad("InvalidParameter.Format", "Specified parameter format is not valid.")
	}
	return params{form: form}, nil
}
