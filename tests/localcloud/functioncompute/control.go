package functioncompute

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// base is where the API is.
const base = "/2023-03-30"

// maxControl bounds the body of a call, in bytes: code is in base64.
const maxControl = maxCode/3*4 + 1<<20

// request is a call of the control plane.
type request struct {
	*http.Request
	function string // that the path names
	body     []byte
	query    url.Values
}

// operation answers a call; nil is an answer without a body. Its error is an
// *APIError if the call is to blame.
type operation func(s *Server, r request) (any, error)

// operations are those of the control plane, by method and path. Source: the
// vendor's SDK for Node.js, @alicloud/fc20230330 4.7.6.
var operations = map[string]struct {
	name string
	do   operation
}{
	"POST /functions":              {"CreateFunction", (*Server).createFunction},
	"GET /functions":               {"ListFunctions", (*Server).listFunctions},
	"GET /functions/{function}":    {"GetFunction", (*Server).getFunction},
	"PUT /functions/{function}":    {"UpdateFunction", (*Server).updateFunction},
	"DELETE /functions/{function}": {"DeleteFunction", (*Server).deleteFunction},

	"POST /functions/{function}/triggers":             {"CreateTrigger", (*Server).createTrigger},
	"GET /functions/{function}/triggers":              {"ListTriggers", (*Server).listTriggers},
	"GET /functions/{function}/triggers/{trigger}":    {"GetTrigger", (*Server).getTrigger},
	"PUT /functions/{function}/triggers/{trigger}":    {"UpdateTrigger", (*Server).updateTrigger},
	"DELETE /functions/{function}/triggers/{trigger}": {"DeleteTrigger", (*Server).deleteTrigger},

	"POST /functions/{function}/versions":             {"PublishFunctionVersion", (*Server).publishVersion},
	"GET /functions/{function}/versions":              {"ListFunctionVersions", (*Server).listVersions},
	"DELETE /functions/{function}/versions/{version}": {"DeleteFunctionVersion", (*Server).deleteVersion},

	"POST /functions/{function}/aliases":           {"CreateAlias", (*Server).createAlias},
	"GET /functions/{function}/aliases":            {"ListAliases", (*Server).listAliases},
	"GET /functions/{function}/aliases/{alias}":    {"GetAlias", (*Server).getAlias},
	"PUT /functions/{function}/aliases/{alias}":    {"UpdateAlias", (*Server).updateAlias},
	"DELETE /functions/{function}/aliases/{alias}": {"DeleteAlias", (*Server).deleteAlias},

	"GET /async-invoke-configs": {"ListAsyncInvokeConfigs", (*Server).listAsync},
}

// handleControl adds the control plane to the API.
func (s *Server) handleControl(mux *http.ServeMux) {
	for route, op := range operations {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+" "+base+path, func(w http.ResponseWriter, r *http.Request) { s.serveControl(w, r, op.name, op.do) })
	}
	for kind, name := range map[string]string{
		kindAsync: "AsyncInvokeConfig", kindConcurrency: "ConcurrencyConfig", kindProvision: "ProvisionConfig", kindScaling: "ScalingConfig",
	} {
		path := base + "/functions/{function}/" + kind
		put, get, remove := putSetting(kind), getSetting(kind), deleteSetting(kind)
		mux.HandleFunc("PUT "+path, func(w http.ResponseWriter, r *http.Request) { s.serveControl(w, r, "Put"+name, put) })
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { s.serveControl(w, r, "Get"+name, get) })
		mux.HandleFunc("DELETE "+path, func(w http.ResponseWriter, r *http.Request) { s.serveControl(w, r, "Delete"+name, remove) })
	}
}

// serveControl answers a call. Planned faults strike before or after it has an
// effect.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, call string, do operation) {
	*access.EntryOf(w) = access.Entry{Call: call, About: r.PathValue("function")}
	requestID := newRequestID(s.opt.Now())
	refuse := func(err error) {
		var refused *APIError
		if !errors.As(withID(err, requestID), &refused) {
			refused = &APIError{500, "InternalServerError", err.Error(), requestID}
		}
		writeError(w, refused)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err != nil {
		refuse(tooLarge(maxControl, requestID))
		return
	}
	if refused := s.checkSignature(r, body); refused != nil {
		refuse(refused)
		return
	}
	fail := func(ft *fault.Fault) { refuse(plannedError(ft, requestID)) }
	strike := s.opt.Faults.Next(call)
	if strike.Before(r, fail) {
		return
	}
	answer, err := do(s, request{r, r.PathValue("function"), body, r.URL.Query()})
	if strike.After(r, fail) {
		return
	}
	if err != nil {
		refuse(err)
		return
	}
	w.Header().Set("x-fc-request-id", requestID)
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(answer)) // the client may be gone
}

// read decodes the body of a call.
func (r request) read(into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return invalidArgument("the body cannot be read: %v", err)
	}
	return nil
}

// list answers a list with the items whose name has the call's prefix, in the
// order of their names, from nextToken and at most limit of them.
func list[T any](r request, member string, all map[string]T, show func(T) any) (any, error) {
	limit, from := 20, ""
	if text := r.query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 100 {
			return nil, invalidArgument("limit must be from 1 to 100")
		}
	}
	if token := r.query.Get("nextToken"); token != "" {
		text, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			return nil, invalidArgument("nextToken is not one of an earlier answer")
		}
		from = string(text)
	}
	items, next := []any{}, ""
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name < from || !strings.HasPrefix(name, r.query.Get("prefix")) {
			continue
		}
		if len(items) == limit {
			next = base64.URLEncoding.EncodeToString([]byte(name))
			break
		}
		items = append(items, show(all[name]))
	}
	return map[string]any{member: items, "nextToken": next}, nil
}
