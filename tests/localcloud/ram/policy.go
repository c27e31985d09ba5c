package ram

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/gateway"
)

// The limits of a policy. Source:
// https://www.alibabacloud.com/help/en/ram/product-overview/limits
const (
	maxDocument = 6144 // characters
	maxVersions = 5
)

// checkDocument refuses what is no policy.
func checkDocument(text string) *gateway.Error {
	var document struct {
		Version   string
		Statement []struct{ Effect string }
	}
	switch {
	case text == "" || utf8.RuneCountInString(text) > maxDocument:
		return invalid("PolicyDocument.Length", "a document has 1 to %d characters", maxDocument)
	case json.Unmarshal([]byte(text), &document) != nil || document.Version != "1" || len(document.Statement) == 0:
		return gateway.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "the document is not a policy: JSON with Version 1 and Statement")
	}
	return nil
}

func (s *Server) policy(p access.Call) (*policy, *gateway.Error) {
	found := s.state.Policies[p.Parameters.Get("PolicyName")]
	if kind := p.Parameters.Get("PolicyType"); kind != "" && kind != "Custom" || found == nil {
		return nil, missing("Policy")
	}
	return found, nil
}

// view is a policy as the API shows it.
func (p *policy) view() map[string]any {
	return map[string]any{
		"PolicyName": p.PolicyName, "PolicyType": "Custom", "Description": p.Description, "DefaultVersion": p.Default,
		"CreateDate": stamp(p.Created), "UpdateDate": stamp(p.Updated),
	}
}

func (p *policy) viewVersion(v version) map[string]any {
	return map[string]any{"VersionId": v.ID, "IsDefaultVersion": v.ID == p.Default, "PolicyDocument": v.Document, "CreateDate": stamp(v.Created)}
}

// index is where a version is, -1 if it does not exist.
func (p *policy) index(id string) int {
	return slices.IndexFunc(p.Versions, func(v version) bool { return v.ID == id })
}

// attached counts the roles that have a policy.
func (s *Server) attached(name string) (n int) {
	for _, r := range s.state.Roles {
		if slices.ContainsFunc(r.custom(), func(a attachment) bool { return a.Name == name }) {
			n++
		}
	}
	return n
}

func (s *Server) createPolicy(p access.Call) (map[string]any, *gateway.Error) {
	name := p.Parameters.Get("PolicyName")
	switch {
	case !policyName.MatchString(name):
		return nil, invalid("PolicyName", "a policy's name is 1 to 128 letters, digits and -")
	case s.state.Policies[name] != nil:
		return nil, exists("Policy")
	}
	made := &policy{PolicyName: name, Description: p.Parameters.Get("Description"), Created: s.opt.Now()}
	if _, refused := s.add(made, p, true); refused != nil {
		return nil, refused
	}
	s.state.Policies[name] = made
	return map[string]any{"Policy": made.view()}, nil
}

// add adds a version to a policy.
func (s *Server) add(to *policy, p access.Call, asDefault bool) (version, *gateway.Error) {
	document := p.Parameters.Get("PolicyDocument")
	if refused := checkDocument(document); refused != nil {
		return version{}, refused
	}
	to.Last++
	made := version{fmt.Sprintf("v%d", to.Last), document, s.opt.Now()}
	to.Versions, to.Updated = append(to.Versions, made), made.Created
	if asDefault {
		to.Default = made.ID
	}
	return made, nil
}

func (s *Server) getPolicy(p access.Call) (map[string]any, *gateway.Error) {
	found, refused := s.policy(p)
	if refused != nil {
		return nil, refused
	}
	view := found.view()
	view["AttachmentCount"] = s.attached(found.PolicyName)
	return map[string]any{"Policy": view, "DefaultPolicyVersion": found.viewVersion(found.Versions[found.index(found.Default)])}, nil
}

func (s *Server) deletePolicy(p access.Call) (map[string]any, *gateway.Error) {
	found, refused := s.policy(p)
	switch {
	case refused != nil:
		return nil, refused
	case s.attached(found.PolicyName) > 0:
		return nil, conflict("Policy.Role")
	case len(found.Versions) > 1:
		return nil, conflict("Policy.Version")
	}
	delete(s.state.Policies, found.PolicyName)
	return nil, nil
}

func (s *Server) createVersion(p access.Call) (map[string]any, *gateway.Error) {
	found, refused := s.policy(p)
	if refused != nil {
		return nil, refused
	}
	if refused := checkDocument(p.Parameters.Get("PolicyDocument")); refused != nil {
		return nil, refused
	}
	if len(found.Versions) == maxVersions {
		if p.Parameters.Get("RotateStrategy") != "DeleteOldestNonDefaultVersionWhenLimitExceeded" {
			return nil, gateway.Errorf(http.StatusConflict, "LimitExceeded.Policy.Version", "The count of policy version beyond the current limits.")
		}
		oldest := slices.IndexFunc(found.Versions, func(v version) bool { return v.ID != found.Default })
		found.Versions = slices.Delete(found.Versions, oldest, oldest+1)
	}
	made, refused := s.add(found, p, p.Parameters.Get("SetAsDefault") == "true")
	if refused != nil {
		return nil, refused
	}
	return map[string]any{"PolicyVersion": found.viewVersion(made)}, nil
}

func (s *Server) listVersions(p access.Call) (map[string]any, *gateway.Error) {
	found, refused := s.policy(p)
	if refused != nil {
		return nil, refused
	}
	list := []any{}
	for _, v := range found.Versions {
		list = append(list, found.viewVersion(v))
	}
	return map[string]any{"PolicyVersions": map[string]any{"PolicyVersion": list}}, nil
}

// versionOf finds the version that a call names.
func (s *Server) versionOf(p access.Call) (*policy, int, *gateway.Error) {
	found, refused := s.policy(p)
	if refused != nil {
		return nil, 0, refused
	}
	at := found.index(p.Parameters.Get("VersionId"))
	if at < 0 {
		return nil, 0, missing("Policy.Version")
	}
	return found, at, nil
}

func (s *Server) deleteVersion(p access.Call) (map[string]any, *gateway.Error) {
	found, at, refused := s.versionOf(p)
	switch {
	case refused != nil:
		return nil, refused
	case found.Versions[at].ID == found.Default:
		return nil, conflict("Policy.Version.Default")
	}
	found.Versions = slices.Delete(found.Versions, at, at+1)
	return nil, nil
}

func (s *Server) setDefault(p access.Call) (map[string]any, *gateway.Error) {
	found, at, refused := s.versionOf(p)
	if refused != nil {
		return nil, refused
	}
	found.Default, found.Updated = found.Versions[at].ID, s.opt.Now()
	return nil, nil
}
