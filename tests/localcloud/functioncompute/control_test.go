package functioncompute_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/functioncompute"
)

var operator = access.Key{ID: "me", Secret: "s3cret"}

// plane is a control plane in a test, with its client.
type plane struct {
	*testing.T
	server *functioncompute.Server
	client *openapi.Client
}

func newPlane(t *testing.T, opt functioncompute.Options) *plane {
	t.Helper()
	opt.Keys = access.NewKeys(operator)
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	s := start(t, opt)
	c, err := openapi.New(openapi.Config{Endpoint: s.Endpoint(), Version: "2023-03-30", RoundTripper: http.DefaultTransport},
		transport.NewCredentials(operator.ID, operator.Secret, ""))
	if err != nil {
		t.Fatal(err)
	}
	return &plane{t, s, c}
}

type object map[string]any

// try makes a call; path and query are as in functions/f?qualifier=1.
func (p *plane) try(method, path string, body any) (object, error) {
	p.Helper()
	path, text, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(text)
	if err != nil {
		p.Fatal(err)
	}
	out := object{}
	var into any = &out
	if method == "DELETE" {
		into = nil
	}
	return out, p.client.ROA(p.Context(), "Test", method, "/2023-03-30/"+path, query, body, into)
}

func (p *plane) must(method, path string, body any) object {
	p.Helper()
	out, err := p.try(method, path, body)
	if err != nil {
		p.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}

func (p *plane) refused(code, method, path string, body any) {
	p.Helper()
	if _, err := p.try(method, path, body); openapi.Code(err) != code {
		p.Errorf("%s %s: got %v, want %s", method, path, err, code)
	}
}

// zipped returns the code of the probe and perhaps another file, as calls send it.
func zipped(t *testing.T, extra string) object {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, mode os.FileMode, text []byte) {
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(probeDir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	add("probe", 0o755, text)
	if extra != "" {
		add(extra, 0o644, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return object{"zipFile": base64.StdEncoding.EncodeToString(out.Bytes())}
}

// function is one that runs the probe.
func function(t *testing.T, name string) object {
	return object{
		"functionName": name, "runtime": "go1", "handler": "probe", "timeout": 60, "memorySize": 256, "cpu": 0.2,
		"environmentVariables": object{"OWN": "1", "FC": ""}, "code": zipped(t, ""), "logConfig": object{"project": "p"},
	}
}

// environment returns the variables that the function sees.
func (p *plane) environment(name string) []string {
	p.Helper()
	return environmentOf(p.T, invoke(p.T, p.server, name, `{"do":"see"}`))
}

func environmentOf(t *testing.T, res functioncompute.Result) []string {
	t.Helper()
	var seen struct{ Env []string }
	if err := json.Unmarshal(res.Body, &seen); err != nil {
		t.Fatal(err)
	}
	return seen.Env
}

func TestAFunctionThatACallMadeRuns(t *testing.T) {
	dir := t.TempDir()
	opt := functioncompute.Options{Dir: dir, Override: map[string]string{"TABLES": "here"}, EndpointIn: "FC"}
	p := newPlane(t, opt)
	made := p.must("POST", "functions", function(t, "f"))
	if made["state"] != "Active" || made["functionArn"] != "acs:fc:cn-hangzhou:1234567890123456:functions/f" || made["codeChecksum"] == "" || made["code"] != nil {
		t.Errorf("made %v", made)
	}
	env := p.environment("f")
	for _, want := range []string{"OWN=1", "TABLES=here", "FC=" + p.server.Endpoint()} {
		if !slices.Contains(env, want) {
			t.Errorf("the function sees %q, want %s", env, want)
		}
	}
	p.refused("FunctionAlreadyExists", "POST", "functions", function(t, "f"))

	// An update has only what changes; the invocations after it run the new code.
	p.must("PUT", "functions/f", object{"environmentVariables": object{"OWN": "2"}})
	if env := p.environment("f"); !slices.Contains(env, "OWN=2") {
		t.Errorf("after the update the function sees %q", env)
	}
	got := p.must("GET", "functions/f", nil)
	if own := got["environmentVariables"].(map[string]any); own["OWN"] != "2" || own["TABLES"] != nil || got["cpu"] != 0.2 || got["codeChecksum"] != made["codeChecksum"] {
		t.Errorf("after the update the function is %v", got)
	}
	if got := p.must("PUT", "functions/f", object{"code": zipped(t, "more")}); got["codeChecksum"] == made["codeChecksum"] {
		t.Errorf("other code has the same checksum %v", got["codeChecksum"])
	}
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}

	again := newPlane(t, opt)
	if env := again.environment("f"); !slices.Contains(env, "OWN=2") {
		t.Errorf("after a restart the function sees %q", env)
	}
	again.must("DELETE", "functions/f", nil)
	for _, call := range [][2]string{{"GET", "functions/f"}, {"PUT", "functions/f"}, {"DELETE", "functions/f"}, {"POST", "functions/f/invocations"}} {
		again.refused("FunctionNotFound", call[0], call[1], object{})
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "f", "*")); len(files) != 0 {
		t.Errorf("the function left %v", files)
	}
}

// TestAnUpdateLetsRunningInvocationsEnd: on the code with which they began.
func TestAnUpdateLetsRunningInvocationsEnd(t *testing.T) {
	p := newPlane(t, functioncompute.Options{})
	p.must("POST", "functions", function(t, "f"))
	goOn := filepath.Join(t.TempDir(), "go-on")
	ended := make(chan functioncompute.Result, 1)
	go func() { ended <- invoke(t, p.server, "f", `{"do":"block","file":"`+goOn+`"}`) }()
	eventually(t, "the instance is busy", func() bool { return p.server.Instances("f") == 1 })
	p.must("PUT", "functions/f", object{"timeout": 50})
	if res := invoke(t, p.server, "f", `{"do":"echo"}`); res.FunctionError != "" {
		t.Errorf("the new code answers %s", res.Body)
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if res := <-ended; res.FunctionError != "" || string(res.Body) != `"unblocked"` {
		t.Errorf("the invocation that ran ended with %+v", res)
	}
}

func TestFunctionsOfTheProgramAreOrdinaryOnes(t *testing.T) {
	own := probe("own")
	own.MaxInstances, own.Env = 1, map[string]string{"OWN": "1"}
	p := newPlane(t, functioncompute.Options{Functions: []functioncompute.Function{own}})
	p.refused("FunctionAlreadyExists", "POST", "functions", function(t, "own"))
	p.must("PUT", "functions/own", object{"environmentVariables": object{"OWN": "2"}})
	if env := p.environment("own"); !slices.Contains(env, "OWN=2") || !slices.Contains(env, "FC_ACCOUNT_ID=123456789012") {
		t.Errorf("the function sees %q", env)
	}
}

func TestFunctionsAreListedInPages(t *testing.T) {
	var all []functioncompute.Function
	for i := range 25 {
		all = append(all, probe(fmt.Sprintf("f%02d", i)))
	}
	p := newPlane(t, functioncompute.Options{Functions: append(all, probe("other"))})
	var names []string
	for token := ""; ; {
		part := p.must("GET", "functions?limit=10&prefix=f&nextToken="+url.QueryEscape(token), nil)
		for _, f := range part["functions"].([]any) {
			names = append(names, f.(map[string]any)["functionName"].(string))
		}
		if token = part["nextToken"].(string); token == "" {
			break
		}
	}
	if len(names) != 25 || names[0] != "f00" || names[24] != "f24" {
		t.Errorf("listed %v", names)
	}
}

func TestCallsForFunctionsThatAreRefused(t *testing.T) {
	p := newPlane(t, functioncompute.Options{})
	good := function(t, "f")
	with := func(name string, value any) object {
		f := maps.Clone(good)
		f[name] = value
		return f
	}
	for what, f := range map[string]object{
		"another runtime":     with("runtime", "python3.10"),
		"a bad name":          with("functionName", "../f"),
		"code in OSS":         with("code", object{"ossBucketName": "b", "ossObjectName": "o"}),
		"code that is no zip": with("code", object{"zipFile": "eA=="}),
		"a missing handler":   with("handler", "main"),
		"a reserved variable": with("environmentVariables", object{"FC_X": "1"}),
		"a timeout of text":   with("timeout", "long"),
		"an escaping file":    with("code", zipped(t, "../out")),
	} {
		if _, err := p.try("POST", "functions", f); openapi.Code(err) != "InvalidArgument" {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.refused("FunctionNotFound", "GET", "functions/f", nil)
	wrong, err := openapi.New(openapi.Config{Endpoint: p.server.Endpoint(), Version: "2023-03-30", RoundTripper: http.DefaultTransport},
		transport.NewCredentials(operator.ID, "other", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.ROA(t.Context(), "ListFunctions", "GET", "/2023-03-30/functions", nil, nil, nil); openapi.Code(err) != "SignatureNotMatch" {
		t.Errorf("another secret: %v", err)
	}
}

// TestAFaultAfterACallLeavesItsEffect: the client tries again, and learns that the
// function is there.
func TestAFaultAfterACallLeavesItsEffect(t *testing.T) {
	var faults fault.Set
	faults.Add(fault.Fault{Call: "CreateFunction", Mode: fault.CutAfter})
	p := newPlane(t, functioncompute.Options{Faults: &faults})
	p.refused("FunctionAlreadyExists", "POST", "functions", function(t, "f"))
	p.must("GET", "functions/f", nil)
}

func TestAFunctionLogsOnlyWhereSomethingIs(t *testing.T) {
	missing := "l"
	p := newPlane(t, functioncompute.Options{CheckLog: func(project, logstore string) error {
		if logstore == missing {
			return fmt.Errorf("logstore '%s' does not exist", logstore)
		}
		return nil
	}})
	f := function(t, "f")
	f["logConfig"] = object{"project": "p", "logstore": "l"}
	if _, err := p.try("POST", "functions", f); openapi.Code(err) != "InvalidArgument" || !strings.Contains(err.Error(), "logstore 'l' does not exist") {
		t.Errorf("got %v", err)
	}
	missing = ""
	p.must("POST", "functions", f)
	missing = "other"
	p.refused("InvalidArgument", "PUT", "functions/f", object{"logConfig": object{"project": "p", "logstore": "other"}})
	p.must("PUT", "functions/f", object{"timeout": 50})
}

// TestAFunctionIsMadeAndChangedInTime: who does not wait is refused.
func TestAFunctionIsMadeAndChangedInTime(t *testing.T) {
	p := newPlane(t, functioncompute.Options{StateLag: time.Hour})
	if got := p.must("POST", "functions", function(t, "f")); got["state"] != "Pending" {
		t.Errorf("the new function is %v", got["state"])
	}
	p.refused("ConcurrentUpdateError", "PUT", "functions/f", object{"timeout": 50})
	p.refused("ConcurrentUpdateError", "POST", "functions/f/versions", nil)

	own := newPlane(t, functioncompute.Options{StateLag: time.Hour, Functions: []functioncompute.Function{probe("own")}})
	if got := own.must("GET", "functions/own", nil); got["state"] != "Active" || got["lastUpdateStatus"] != "Successful" {
		t.Errorf("the program's function is %v", got)
	}
	if got := own.must("PUT", "functions/own", object{"timeout": 50}); got["state"] != "Active" || got["lastUpdateStatus"] != "InProgress" {
		t.Errorf("after the update it is %v", got)
	}
	own.refused("ConcurrentUpdateError", "POST", "functions/own/versions", nil)
}
