package functioncompute

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"

	"aftercare/tests/localcloud/access"
)

// The qualifier and version of the code that was not published.
const (
	qualifier = "LATEST"
	versionID = "0"
)

// versionOf returns the qualifier and the version of a function's code.
func (f *function) versionOf() (qualified, id string) {
	if f.version == "" {
		return qualifier, versionID
	}
	return f.version, f.version
}

// environment returns everything that an instance's process inherits.
func (s *Server) environment(f *function, instanceID, runtimeAPI string, key access.Key) []string {
	qualified, version := f.versionOf()
	env := []string{
		"PATH=" + s.opt.Path,
		"HOME=" + s.opt.Home,
		"FC_RUNTIME_API=" + runtimeAPI,
		"FC_ACCOUNT_ID=" + f.Account,
		"FC_REGION=" + f.Region,
		"FC_FUNCTION_NAME=" + f.Name,
		"FC_FUNCTION_HANDLER=" + f.Handler,
		"FC_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemoryMB),
		"FC_FUNC_CODE_PATH=" + f.Dir,
		"FC_INSTANCE_ID=" + instanceID,
		"FC_QUALIFIER=" + qualified,
		"FC_VERSION_ID=" + version,
	}
	if key.ID != "" {
		env = append(env,
			"ALIBABA_CLOUD_ACCESS_KEY_ID="+key.ID,
			"ALIBABA_CLOUD_ACCESS_KEY_SECRET="+key.Secret,
			"ALIBABA_CLOUD_SECURITY_TOKEN="+key.Token,
		)
	}
	own := map[string]string{}
	maps.Copy(own, f.Env)
	if name := s.opt.EndpointIn; name != "" {
		own[name] = s.Endpoint()
	}
	maps.Copy(own, s.opt.Override)
	for k, v := range own {
		env = append(env, k+"="+v)
	}
	return env
}

// writeInvocationHeaders sets the headers with which the runtime API hands over
// an invocation, under the names that fc-runtime-go-sdk reads. It leaves out the
// tracing headers, as FC does for functions without tracing.
func writeInvocationHeaders(h http.Header, f *function, inv *invocation, key access.Key) {
	h.Set("x-fc-request-id", inv.id)
	h.Set("x-fc-function-deadline", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("x-fc-function-timeout", strconv.Itoa(f.timeoutSeconds()))
	h.Set("x-fc-function-type", "0") // a call of the handler
	h.Set("x-fc-function-name", f.Name)
	h.Set("x-fc-function-handler", f.Handler)
	h.Set("x-fc-function-memory", strconv.Itoa(f.MemoryMB))
	h.Set("x-fc-region", f.Region)
	h.Set("x-fc-account-id", f.Account)
	_, version := f.versionOf()
	h.Set("x-fc-qualifier", cmp.Or(inv.qualifier, qualifier))
	h.Set("x-fc-version-id", version)
	h.Set("x-fc-retry-count", strconv.Itoa(inv.retry))
	if key.ID != "" {
		h.Set("x-fc-access-key-id", key.ID)
		h.Set("x-fc-access-key-secret", key.Secret)
		h.Set("x-fc-security-token", key.Token)
	}
	h.Set("Content-Type", "application/octet-stream")
}
