package credential_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/scripts/internal/credential"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
)

// A text with Hush in it is a secret.
const config = `{"current": "main", "profiles": [
  {"name": "main", "mode": "AK", "access_key_id": "LTAImain", "access_key_secret": "HushMain", "region_id": "cn-hangzhou"},
  {"name": "temporary", "mode": "ststoken", "access_key_id": "STS.a", "access_key_secret": "HushA", "sts_token": "HushToken"},
  {"name": "assumes", "mode": "RamRoleArn", "access_key_id": "LTAImain", "access_key_secret": "HushMain", "ram_role_arn": "acs:ram::1:role/ops",
   "ram_session_name": "me@desk", "external_id": "x y", "expired_seconds": 900},
  {"name": "machine", "mode": "EcsRamRole"},
  {"name": "named", "mode": "EcsRamRole", "ram_role_name": "web"},
  {"name": "sso", "mode": "CloudSSO", "access_key_id": "STS.b", "access_key_secret": "HushB", "access_token": "HushAccess"},
  {"name": "half", "mode": "AK", "access_key_id": "LTAIhalf"},
  {"name": "wrong", "mode": "RamRoleArn", "access_key_id": "LTAImain", "access_key_secret": "HushOther", "ram_role_arn": "acs:ram::1:role/ops"}
]}`

// sts takes the key of the profile main, and gives a temporary one.
func sts(t *testing.T) string {
	verifier := access.NewVerifier(access.NewKeys(access.Key{ID: "LTAImain", Secret: "HushMain"}), time.Now)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, refused := verifier.Call(w, r)
		if refused != nil {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"Code":%q,"RequestId":"req-1","Message":"HushMain %s"}`, refused.Code, r.Header.Get("Authorization"))
			return
		}
		got := fmt.Sprint(call.Action, " ", call.Version, " ", call.Parameters.Encode())
		if want := "AssumeRole 2015-04-01 DurationSeconds=900&ExternalId=x+y&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fops&RoleSessionName=me%40desk"; got != want {
			t.Errorf("the call is %q, want %q", got, want)
		}
		fmt.Fprint(w, `{"RequestId":"req-1","Credentials":{"AccessKeyId":"STS.ops","AccessKeySecret":"HushOps","SecurityToken":"HushOpsToken","Expiration":"2026-01-01T00:00:00Z"}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// metadata is the service of an instance with the role web. A hardened one wants a
// session; an old one has none.
func metadata(t *testing.T, hardened bool) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && hardened && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aliyun-ecs-metadata-token-ttl-seconds") != "":
			fmt.Fprint(w, "HushSession")
		case r.Method != http.MethodGet, hardened && r.Header.Get("X-aliyun-ecs-metadata-token") != "HushSession":
			w.WriteHeader(403)
			fmt.Fprint(w, "HushSession")
		case r.URL.Path == "/latest/meta-data/ram/security-credentials/":
			fmt.Fprint(w, "web")
		case r.URL.Path == "/latest/meta-data/ram/security-credentials/web":
			fmt.Fprint(w, `{"Code":"Success","AccessKeyId":"STS.web","AccessKeySecret":"HushWeb","SecurityToken":"HushWebToken"}`)
		default:
			w.WriteHeader(404)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// find looks with these variables, where HOME holds the file.
func find(t *testing.T, file string, hardened bool, variables ...string) (credential.Found, error) {
	t.Helper()
	home := t.TempDir()
	if file != "" {
		if err := os.MkdirAll(filepath.Join(home, ".aliyun"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".aliyun", "config.json"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	values := map[string]string{"HOME": home}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	s := credential.Source{
		Getenv: func(name string) string { return values[name] },
		STS:    sts(t), RoundTripper: pool, Metadata: metadata(t, hardened), Now: time.Now,
	}
	return s.Find(t.Context())
}

func TestTheFirstAccessKeyIsTaken(t *testing.T) {
	for _, c := range []struct {
		variables string
		want      string // id, secret and token; or the beginning of an error
		from      string
	}{
		{"", "LTAImain HushMain ", "the profile main (AK)"},
		{"ALIBABA_CLOUD_ACCESS_KEY_ID=LTAIenv ALIBABA_CLOUD_ACCESS_KEY_SECRET=HushEnv", "LTAIenv HushEnv ", "the environment"},
		{"ALIBABA_CLOUD_ACCESS_KEY_ID=STS.e ALIBABA_CLOUD_ACCESS_KEY_SECRET=HushEnv ALIBABA_CLOUD_SECURITY_TOKEN=HushE ALIBABA_CLOUD_PROFILE=sso", "STS.e HushEnv HushE", "the environment"},
		{"ALIBABA_CLOUD_PROFILE=temporary", "STS.a HushA HushToken", "the profile temporary (ststoken)"},
		{"ALIBABACLOUD_PROFILE=temporary ALIBABA_CLOUD_PROFILE=main", "STS.a HushA HushToken", "the profile temporary (ststoken)"},
		{"ALIBABA_CLOUD_PROFILE=assumes", "STS.ops HushOps HushOpsToken", "the profile assumes (RamRoleArn)"},
		{"ALIBABA_CLOUD_PROFILE=machine", "STS.web HushWeb HushWebToken", "the ECS role web"},
		{"ALIBABA_CLOUD_PROFILE=named", "STS.web HushWeb HushWebToken", "the ECS role web"},
		{"ALIBABA_CLOUD_IGNORE_PROFILE=TRUE ALIBABA_CLOUD_ECS_METADATA=web", "STS.web HushWeb HushWebToken", "the ECS role web"},
	} {
		for _, hardened := range []bool{true, false} {
			found, err := find(t, config, hardened, strings.Fields(c.variables)...)
			id, secret, token := found.Reveal()
			if got := id + " " + secret + " " + token; err != nil || got != c.want || found.From != c.from {
				t.Errorf("%s: got %q from %s, %v, want %q from %s", c.variables, got, found.From, err, c.want, c.from)
			}
		}
	}
}

func TestMistakesAreNamedWithoutASecret(t *testing.T) {
	for name, c := range map[string]struct {
		file, variables string
		want            []string
	}{
		"nothing at all":      {"", "", []string{"there is no access key", "ALIBABA_CLOUD_ACCESS_KEY_ID", "aliyun configure", "ALIBABA_CLOUD_ECS_METADATA"}},
		"an ignored profile":  {config, "ALIBABA_CLOUD_IGNORE_PROFILE=TRUE", []string{"there is no access key"}},
		"half a key":          {config, "ALIBABA_CLOUD_ACCESS_KEY_ID=LTAIenv", []string{"ALIBABA_CLOUD_ACCESS_KEY_SECRET is missing"}},
		"the other half":      {config, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=HushEnv", []string{"ALIBABA_CLOUD_ACCESS_KEY_ID is missing"}},
		"half a profile":      {config, "ALIBABA_CLOUD_PROFILE=half", []string{"the profile half (AK) has no access_key_secret", "aliyun configure --profile half"}},
		"a mode of others":    {config, "ALIBABA_CLOUD_PROFILE=sso", []string{`mode "CloudSSO" cannot be used here`, "aliyun sts AssumeRole --profile sso", "ALIBABA_CLOUD_SECURITY_TOKEN"}},
		"no such profile":     {config, "ALIBABA_CLOUD_PROFILE=prod", []string{`has no profile "prod"`}},
		"no file":             {"", "ALIBABA_CLOUD_PROFILE=prod", []string{"read the profile", "no such file"}},
		"a file that is cut":  {config[:300], "", []string{"is not the JSON of the vendor's command line"}},
		"a refusal of STS":    {config, "ALIBABA_CLOUD_PROFILE=wrong", []string{"assume the role of the profile wrong (RamRoleArn): refused (status 400, code SignatureDoesNotMatch, request id req-1)"}},
		"an unknown ECS role": {"", "ALIBABA_CLOUD_ECS_METADATA=db", []string{"ask for the role of this ECS instance: status 404"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := find(t, c.file, true, strings.Fields(c.variables)...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %q, want it to say %q", err, want)
				}
			}
			if text := fmt.Sprintf("%v %+v %#v %v", err, err, err, found); strings.Contains(text, "Hush") {
				t.Errorf("a secret is in %s", text)
			}
		})
	}
	if _, err := find(t, "", true); !errors.Is(err, credential.ErrNone) {
		t.Errorf("got %v, want ErrNone", err)
	}
}

func TestTheOlderMetadataCanBeForbidden(t *testing.T) {
	_, err := find(t, "", false, "ALIBABA_CLOUD_ECS_METADATA=web", "ALIBABA_CLOUD_IMDSV1_DISABLED=true")
	if err == nil || !strings.Contains(err.Error(), "no token (status 403)") {
		t.Errorf("got %v", err)
	}
}
