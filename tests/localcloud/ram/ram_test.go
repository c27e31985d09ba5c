package ram_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/ram"
)

var key = access.Key{ID: "me", Secret: "s3cret"}

const document = `{"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["fc:GetFunction"], "Resource": ["*"]}]}`

func start(t *testing.T, o ram.Options) *ram.Server {
	t.Helper()
	o.Keys = access.NewKeys(key)
	s, err := ram.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// call makes one call with the vendor's SDK, and returns the answer, or the error
// as "STATUS CODE". Parameters are "Name=value".
func call(t *testing.T, s *ram.Server, action string, parameters ...string) (map[string]any, string) {
	t.Helper()
	client, err := sdk.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential(key.ID, key.Secret))
	if err != nil {
		t.Fatal(err)
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain, r.Version, r.ApiName = "POST", "http", strings.TrimPrefix(s.Endpoint(), "http://"), "2015-05-01", action
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		r.QueryParams[name] = value
	}
	answer, err := client.ProcessCommonRequest(r)
	var refused *sdkerrors.ServerError
	if errors.As(err, &refused) {
		return nil, fmt.Sprint(refused.HttpStatus(), " ", refused.ErrorCode())
	}
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(answer.GetHttpContentBytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out, ""
}

// TestARoleAndItsPolicyLiveThroughTheirCalls plays calls in order; each says how it
// is refused, empty if it succeeds.
func TestARoleAndItsPolicyLiveThroughTheirCalls(t *testing.T) {
	s := start(t, ram.Options{})
	const role, policy = "RoleName=aftercare-sweep", "PolicyName=aftercare-sweep"
	const custom = "PolicyType=Custom"
	for n, c := range []struct {
		action     string
		parameters []string
		want       string
	}{
		{"GetRole", []string{role}, "404 EntityNotExist.Role"},
		{"CreateRole", []string{"RoleName=a_b", "AssumeRolePolicyDocument=" + document}, "400 InvalidParameter.RoleName"},
		{"CreateRole", []string{role, "AssumeRolePolicyDocument={}"}, "400 MalformedPolicyDocument"},
		{"CreateRole", []string{role, "AssumeRolePolicyDocument=" + document, "MaxSessionDuration=60"}, "400 InvalidParameter.MaxSessionDuration"},
		{"CreateRole", []string{role, "AssumeRolePolicyDocument=" + document}, ""},
		{"CreateRole", []string{role, "AssumeRolePolicyDocument=" + document}, "409 EntityAlreadyExists.Role"},
		{"UpdateRole", []string{"RoleName=other"}, "404 EntityNotExist.Role"},
		{"AttachPolicyToRole", []string{role, policy, custom}, "404 EntityNotExist.Policy"},
		{"GetPolicy", []string{policy, custom}, "404 EntityNotExist.Policy"},
		{"CreatePolicy", []string{policy, "PolicyDocument=[]"}, "400 MalformedPolicyDocument"},
		{"CreatePolicy", []string{policy, "PolicyDocument=" + document + strings.Repeat(" ", 6144)}, "400 InvalidParameter.PolicyDocument.Length"},
		{"CreatePolicy", []string{policy, "PolicyDocument=" + document}, ""},
		{"CreatePolicy", []string{policy, "PolicyDocument=" + document}, "409 EntityAlreadyExists.Policy"},
		{"AttachPolicyToRole", []string{role, policy}, "400 InvalidParameter.PolicyType"},
		{"DetachPolicyFromRole", []string{role, policy, custom}, "404 EntityNotExist.Role.Policy"},
		{"AttachPolicyToRole", []string{role, policy, custom}, ""},
		{"AttachPolicyToRole", []string{role, policy, custom}, "409 EntityAlreadyExists.Role.Policy"},
		{"DeleteRole", []string{role}, "409 DeleteConflict.Role.Policy"},
		{"DeletePolicy", []string{policy}, "409 DeleteConflict.Policy.Role"},
		{"CreatePolicyVersion", []string{policy, "PolicyDocument=" + document}, ""},
		{"CreatePolicyVersion", []string{policy, "PolicyDocument=" + document, "SetAsDefault=true"}, ""},
		{"CreatePolicyVersion", []string{policy, "PolicyDocument=" + document}, ""},
		{"CreatePolicyVersion", []string{policy, "PolicyDocument=" + document}, ""},
		{"CreatePolicyVersion", []string{policy, "PolicyDocument=" + document}, "409 LimitExceeded.Policy.Version"},
		{"CreatePolicyVersion", []string{policy, "PolicyDocument=" + document, "RotateStrategy=DeleteOldestNonDefaultVersionWhenLimitExceeded"}, ""},
		{"DeletePolicyVersion", []string{policy, "VersionId=v1"}, "404 EntityNotExist.Policy.Version"},
		{"DeletePolicyVersion", []string{policy, "VersionId=v3"}, "409 DeleteConflict.Policy.Version.Default"},
		{"SetDefaultPolicyVersion", []string{policy, "VersionId=v9"}, "404 EntityNotExist.Policy.Version"},
		{"SetDefaultPolicyVersion", []string{policy, "VersionId=v2"}, ""},
		{"DetachPolicyFromRole", []string{role, policy, custom}, ""},
		{"DeletePolicy", []string{policy}, "409 DeleteConflict.Policy.Version"},
		{"DeletePolicyVersion", []string{policy, "VersionId=v3"}, ""},
		{"DeletePolicyVersion", []string{policy, "VersionId=v4"}, ""},
		{"DeletePolicyVersion", []string{policy, "VersionId=v5"}, ""},
		{"DeletePolicyVersion", []string{policy, "VersionId=v6"}, ""},
		{"DeletePolicy", []string{policy}, ""},
		{"DeleteRole", []string{role}, ""},
		{"DeleteRole", []string{role}, "404 EntityNotExist.Role"},
		{"CreateUser", []string{"UserName=x"}, "404 InvalidAction.NotFound"},
	} {
		if _, got := call(t, s, c.action, c.parameters...); got != c.want {
			t.Fatalf("call %d, %s: got %q, want %q", n, c.action, got, c.want)
		}
	}
}

func TestWhatIsMadeIsThereAfterANewStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ram.db")
	s := start(t, ram.Options{Path: path})
	call(t, s, "CreateRole", "RoleName=r", "AssumeRolePolicyDocument="+document)
	call(t, s, "CreatePolicy", "PolicyName=p", "PolicyDocument="+document)
	call(t, s, "CreatePolicyVersion", "PolicyName=p", "PolicyDocument="+strings.Replace(document, "Get", "Create", 1), "SetAsDefault=true")
	call(t, s, "AttachPolicyToRole", "RoleName=r", "PolicyName=p", "PolicyType=Custom")
	s.Close()
	s = start(t, ram.Options{Path: path})
	answer, refused := call(t, s, "GetPolicy", "PolicyName=p", "PolicyType=Custom")
	if refused != "" {
		t.Fatal(refused)
	}
	version := answer["DefaultPolicyVersion"].(map[string]any)
	if got := fmt.Sprint(version["VersionId"], answer["Policy"].(map[string]any)["AttachmentCount"]); got != "v21" || !strings.Contains(version["PolicyDocument"].(string), "fc:CreateFunction") {
		t.Errorf("got %v, want version v2 of the policy, attached once", answer)
	}
	answer, _ = call(t, s, "ListPoliciesForRole", "RoleName=r")
	list := answer["Policies"].(map[string]any)["Policy"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["PolicyName"] != "p" {
		t.Errorf("got %v, want the policy p", answer)
	}
	answer, _ = call(t, s, "ListRoles")
	roles := answer["Roles"].(map[string]any)["Role"].([]any)
	if len(roles) != 1 || roles[0].(map[string]any)["Arn"] != "acs:ram::1234567890123456:role/r" {
		t.Errorf("got %v, want the role r", answer)
	}
}

func TestAPlannedFaultStrikesBeforeOrAfterTheEffect(t *testing.T) {
	faults := &fault.Set{}
	s := start(t, ram.Options{Faults: faults})
	faults.Add(fault.Fault{Call: "CreateRole", Mode: fault.ErrorBefore, Status: 403, Code: "NoPermission"})
	faults.Add(fault.Fault{Call: "CreateRole", Nth: 2, Mode: fault.ErrorAfter})
	for _, want := range []string{"403 NoPermission", "503 ServiceUnavailable", "409 EntityAlreadyExists.Role"} {
		if _, got := call(t, s, "CreateRole", "RoleName=r", "AssumeRolePolicyDocument="+document); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
