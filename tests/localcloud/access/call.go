package access

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Call is an RPC call that passed the checks.
type Call struct {
	Action  string
	Version string
	// Parameters are the action's own, each given once, and RegionId.
	Parameters url.Values
}

// rpcParameters are the parameters that signature version 1 adds to an action's
// own.
var rpcParameters = []string{"Action", "Version", "Format", "Timestamp", "SignatureMethod", "SignatureVersion",
	"SignatureType", "SignatureNonce", "Signature", "AccessKeyId", "SecurityToken"}

// maxForm bounds a form, in bytes. The largest call is PutEvents of EventBridge
// with 1 MB of events, which is 3 MB when percent-encoded.
const maxForm = 4 << 20

// Call reads an RPC call and checks its signature, of either kind. Parameters
// come from the query and from a form; the call must ask for JSON.
func (v *Verifier) Call(w http.ResponseWriter, r *http.Request) (Call, *Refusal) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost || r.URL.Path != "/" {
		return Call{}, refuse("UnsupportedHTTPMethod", "only GET and POST of / are served")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		refused := refuse("RequestEntityTooLarge", "the body is larger than %d bytes", large.Limit)
		refused.Status = http.StatusRequestEntityTooLarge
		return Call{}, refused
	} else if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	inHeader := r.Header.Get("Authorization") != ""
	if inHeader { // before what the body says: the signature covers its bytes
		if refused := v.Header(r, body); refused != nil {
			return Call{}, refused
		}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if len(body) > 0 && (r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded") {
		return Call{}, notImitated("a body other than a form that is posted: %s with the type %q", r.Method, r.Header.Get("Content-Type"))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseForm(); err != nil {
		return Call{}, refuse("InvalidParameter", "the parameters cannot be read: %v", err)
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			return Call{}, refuse("InvalidParameter."+name, "the parameter %s is given more than once", name)
		}
	}
	if !inHeader {
		if refused := v.RPC(r.Method, r.Form); refused != nil {
			return Call{}, refused
		}
	}
	return call(r, inHeader)
}

// call finds the action and version where this kind of signature puts them, and
// checks the format: with a signature in a header, JSON is the default.
func call(r *http.Request, inHeader bool) (Call, *Refusal) {
	format := r.Form.Get("Format")
	switch {
	case strings.EqualFold(format, "JSON"), format == "" && inHeader:
	case format == "", strings.EqualFold(format, "XML"):
		return Call{}, notImitated("answers in XML, which are the default of signature version 1: set the parameter Format to JSON")
	default:
		return Call{}, refuse("InvalidParameter.Format", "Specified parameter format is not valid.")
	}
	out := Call{Action: r.Form.Get("Action"), Version: r.Form.Get("Version"), Parameters: r.Form}
	for _, name := range rpcParameters {
		if inHeader && name != "Format" && r.Form.Has(name) {
			return Call{}, notImitated("the parameter %s, which belongs to signature version 1, in a call that is signed in a header", name)
		}
		r.Form.Del(name)
	}
	if inHeader {
		out.Action, out.Version = r.Header.Get("x-acs-action"), r.Header.Get("x-acs-version")
	}
	switch {
	case out.Action == "":
		return Call{}, refuse("MissingAction", "Action is mandatory for this action: it is the header x-acs-action or a parameter, as the signature has it.")
	case out.Version == "":
		return Call{}, refuse("MissingVersion", "Version is mandatory for this action: it is the header x-acs-version or a parameter, as the signature has it.")
	}
	return out, nil
}
