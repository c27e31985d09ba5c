package setup

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
)

// Config says where a service is, and how to call it.
type Config struct {
	// Endpoint is a host, host:port or URL; empty for the service's own.
	Endpoint string
	// RoundTripper carries the requests, preferably a transport.Pool.
	RoundTripper http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Backoff is the wait before another try of a call, as in openapi.Config.
	Backoff transport.Backoff
}

// RAM makes the roles and policies of an account. It is safe for concurrent use.
type RAM struct{ api *openapi.Client }

// NewRAM returns a client, or every mistake of cfg and creds at once. It makes no
// call.
func NewRAM(cfg Config, creds transport.Credentials) (*RAM, error) {
	api, err := openapi.New(openapi.Config{
		// It is one for all regions.
		Endpoint: cmp.Or(cfg.Endpoint, "ram.aliyuncs.com"), Version: "2015-05-01",
		RoundTripper: cfg.RoundTripper, Now: cfg.Now, Backoff: cfg.Backoff,
	}, creds)
	if err != nil {
		return nil, fmt.Errorf("set up ram: %w", err)
	}
	return &RAM{api}, nil
}

// call makes a call. Documents travel in the body, whose length nothing limits.
func (r *RAM) call(ctx context.Context, action string, parameters url.Values, into any) error {
	return r.api.RPC(ctx, action, nil, parameters, into)
}

// changing is a call as a change.
func (r *RAM) changing(action string, parameters url.Values) func(context.Context) error {
	return func(ctx context.Context) error { return r.call(ctx, action, parameters, nil) }
}

const description = "Made by 'aftercare setup roles'."

// Roles plans the role of each function, its policy, and that the role has it. What
// else a role may do by policies that others attached is noted.
func (r *RAM) Roles(functions []string, names Names) Plan {
	all := Policies()
	return func(ctx context.Context) (found Found, err error) {
		for _, f := range functions {
			isNew, err := r.planRole(ctx, &found, Name(f), all[Trust])
			if err == nil {
				err = r.planPolicy(ctx, &found, Name(f), all[f].With(names))
			}
			if err == nil {
				err = r.planAttachment(ctx, &found, Name(f), isNew)
			}
			if err != nil {
				return found, err
			}
		}
		return found, nil
	}
}

func (r *RAM) planRole(ctx context.Context, found *Found, name string, trust Policy) (isNew bool, err error) {
	var have struct {
		Role struct{ AssumeRolePolicyDocument string }
	}
	err = r.call(ctx, "GetRole", url.Values{"RoleName": {name}}, &have)
	switch {
	case isMissing(err):
		found.make(r.changing("CreateRole", url.Values{
			"RoleName": {name}, "AssumeRolePolicyDocument": {trust.compact()}, "Description": {description},
		}), "make the role %s", name)
		return true, nil
	case err != nil:
		return false, err
	}
	if words := trust.differences(have.Role.AssumeRolePolicyDocument); words != "" {
		found.change(r.changing("UpdateRole", url.Values{"RoleName": {name}, "NewAssumeRolePolicyDocument": {trust.compact()}}),
			"change who may take the role %s: %s", name, words)
	}
	return false, nil
}

func (r *RAM) planPolicy(ctx context.Context, found *Found, name string, want Policy) error {
	var have struct {
		DefaultPolicyVersion struct{ PolicyDocument string }
	}
	err := r.call(ctx, "GetPolicy", url.Values{"PolicyName": {name}, "PolicyType": {"Custom"}}, &have)
	switch {
	case isMissing(err):
		found.make(r.changing("CreatePolicy", url.Values{
			"PolicyName": {name}, "PolicyDocument": {want.compact()}, "Description": {description},
		}), "make the policy %s", name)
		return nil
	case err != nil:
		return err
	}
	if words := want.differences(have.DefaultPolicyVersion.PolicyDocument); words != "" {
		found.change(r.changing("CreatePolicyVersion", url.Values{
			"PolicyName": {name}, "PolicyDocument": {want.compact()},
			// Without these the version would have no effect, and the sixth be refused.
			"SetAsDefault": {"true"}, "RotateStrategy": {"DeleteOldestNonDefaultVersionWhenLimitExceeded"},
		}), "change the policy %s: %s", name, words)
	}
	return nil
}

// attached is a policy that a role has.
type attached struct{ PolicyName, PolicyType string }

// attachments lists the policies of a role.
func (r *RAM) attachments(ctx context.Context, role string) ([]attached, error) {
	var have struct{ Policies struct{ Policy []attached } }
	err := r.call(ctx, "ListPoliciesForRole", url.Values{"RoleName": {role}}, &have)
	return have.Policies.Policy, err
}

func attachment(role string, a attached) url.Values {
	return url.Values{"RoleName": {role}, "PolicyName": {a.PolicyName}, "PolicyType": {a.PolicyType}}
}

// planAttachment plans that a role has the policy of its name.
func (r *RAM) planAttachment(ctx context.Context, found *Found, name string, isNew bool) error {
	own := attached{name, "Custom"}
	var have []attached
	if !isNew {
		var err error
		if have, err = r.attachments(ctx, name); err != nil {
			return err
		}
	}
	if !slices.Contains(have, own) {
		found.make(r.changing("AttachPolicyToRole", attachment(name, own)), "give the role %s its policy", name)
	}
	for _, a := range have {
		if a != own {
			found.note("the role %s also has the policy %s (%s), which 'aftercare setup roles' did not give it", name, a.PolicyName, a.PolicyType)
		}
	}
	return nil
}

// WithoutRoles plans that the roles of functions and their policies are gone. A role
// that others gave a policy cannot be removed, nor a policy that others use.
func (r *RAM) WithoutRoles(functions []string) Plan {
	return func(ctx context.Context) (found Found, err error) {
		for _, f := range functions {
			name := Name(f)
			have, err := r.attachments(ctx, name)
			switch {
			case err == nil:
				if own := (attached{name, "Custom"}); slices.Contains(have, own) {
					found.change(r.changing("DetachPolicyFromRole", attachment(name, own)), "take its policy from the role %s", name)
				}
				found.change(r.changing("DeleteRole", url.Values{"RoleName": {name}}), "remove the role %s", name)
			case !isMissing(err):
				return found, err
			}
			if err := r.planNoPolicy(ctx, &found, name); err != nil {
				return found, err
			}
		}
		return found, nil
	}
}

// planNoPolicy removes the versions that are not the default first: the service
// refuses a policy that has any.
func (r *RAM) planNoPolicy(ctx context.Context, found *Found, name string) error {
	var have struct {
		PolicyVersions struct {
			PolicyVersion []struct {
				VersionID        string `json:"VersionId"`
				IsDefaultVersion bool
			}
		}
	}
	err := r.call(ctx, "ListPolicyVersions", url.Values{"PolicyName": {name}, "PolicyType": {"Custom"}}, &have)
	switch {
	case isMissing(err):
		return nil
	case err != nil:
		return err
	}
	for _, v := range have.PolicyVersions.PolicyVersion {
		if !v.IsDefaultVersion {
			found.change(r.changing("DeletePolicyVersion", url.Values{"PolicyName": {name}, "VersionId": {v.VersionID}}),
				"remove version %s of the policy %s", v.VersionID, name)
		}
	}
	found.change(r.changing("DeletePolicy", url.Values{"PolicyName": {name}}), "remove the policy %s", name)
	return nil
}
