package ram

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/gateway"
)

var (
	roleName   = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)
	policyName = regexp.MustCompile(`^[A-Za-z0-9-]{1,128}$`)
)

const (
	stampForm = "2006-01-02T15:04:05Z"
	// maxAttached is how many custom policies a role takes.
	// Source: https://www.alibabacloud.com/help/en/ram/product-overview/limits
	maxAttached = 10
)

func exists(what string) *gateway.Error {
	return gateway.Errorf(http.StatusConflict, "EntityAlreadyExists."+what, "The %s does already EXIST.", what)
}

func missing(what string) *gateway.Error {
	return gateway.Errorf(http.StatusNotFound, "EntityNotExist."+what, "The %s does not exist.", what)
}

func conflict(what string) *gateway.Error {
	return gateway.Errorf(http.StatusConflict, "DeleteConflict."+what, "The %s must be removed before.", what)
}

func invalid(parameter, format string, args ...any) *gateway.Error {
	return gateway.Errorf(http.StatusBadRequest, "InvalidParameter."+parameter, format, args...)
}

// duration reads the longest session, in seconds.
func duration(text string, standard int) (int, *gateway.Error) {
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 3600 || n > 43200 {
		return 0, invalid("MaxSessionDuration", "the longest session must be from 3600 to 43200 seconds")
	}
	return n, nil
}

func (s *Server) role(p access.Call) (*role, *gateway.Error) {
	r := s.state.Roles[p.Parameters.Get("RoleName")]
	if r == nil {
		return nil, missing("Role")
	}
	return r, nil
}

// view is a role as the API shows it.
func (r *role) view() map[string]any {
	return map[string]any{
		"RoleId": r.RoleID, "RoleName": r.RoleName, "Arn": r.Arn, "Description": r.Description, "AssumeRolePolicyDocument": r.Document,
		"MaxSessionDuration": r.MaxSessionDuration, "CreateDate": stamp(r.Created), "UpdateDate": stamp(r.Updated),
	}
}

func stamp(t time.Time) string { return t.UTC().Format(stampForm) }

func (s *Server) createRole(p access.Call) (map[string]any, *gateway.Error) {
	name, document := p.Parameters.Get("RoleName"), p.Parameters.Get("AssumeRolePolicyDocument")
	longest, refused := duration(p.Parameters.Get("MaxSessionDuration"), 3600)
	switch {
	case !roleName.MatchString(name):
		return nil, invalid("RoleName", "a role's name is 1 to 64 letters, digits, . and -")
	case refused != nil:
		return nil, refused
	case s.state.Roles[name] != nil:
		return nil, exists("Role")
	}
	if refused := checkDocument(document); refused != nil {
		return nil, refused
	}
	s.state.Last++
	now := s.opt.Now()
	r := &role{
		RoleID: fmt.Sprintf("3%014d", s.state.Last), RoleName: name, Arn: "acs:ram::" + s.opt.Account + ":role/" + name,
		Description: p.Parameters.Get("Description"), Document: document, MaxSessionDuration: longest, Created: now, Updated: now,
	}
	s.state.Roles[name] = r
	return map[string]any{"Role": r.view()}, nil
}

func (s *Server) getRole(p access.Call) (map[string]any, *gateway.Error) {
	r, refused := s.role(p)
	if refused != nil {
		return nil, refused
	}
	return map[string]any{"Role": r.view()}, nil
}

func (s *Server) updateRole(p access.Call) (map[string]any, *gateway.Error) {
	r, refused := s.role(p)
	if refused != nil {
		return nil, refused
	}
	longest, refused := duration(p.Parameters.Get("NewMaxSessionDuration"), r.MaxSessionDuration)
	if refused != nil {
		return nil, refused
	}
	document := cmp.Or(p.Parameters.Get("NewAssumeRolePolicyDocument"), r.Document)
	if refused := checkDocument(document); refused != nil {
		return nil, refused
	}
	r.Document, r.MaxSessionDuration = document, longest
	r.Description, r.Updated = cmp.Or(p.Parameters.Get("NewDescription"), r.Description), s.opt.Now()
	return map[string]any{"Role": r.view()}, nil
}

func (s *Server) deleteRole(p access.Call) (map[string]any, *gateway.Error) {
	r, refused := s.role(p)
	switch {
	case refused != nil:
		return nil, refused
	case len(r.Attached) > 0:
		return nil, conflict("Role.Policy")
	}
	delete(s.state.Roles, r.RoleName)
	return nil, nil
}

func (s *Server) listRoles(access.Call) (map[string]any, *gateway.Error) {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.state.Roles)) {
		list = append(list, s.state.Roles[name].view())
	}
	return map[string]any{"IsTruncated": false, "Roles": map[string]any{"Role": list}}, nil
}

// target finds the role of a call about an attachment, and where the policy is
// among those of the role: -1 if it is not attached.
func (s *Server) target(p access.Call) (r *role, kind, name string, at int, refused *gateway.Error) {
	kind, name = p.Parameters.Get("PolicyType"), p.Parameters.Get("PolicyName")
	if kind != "System" && kind != "Custom" {
		return nil, "", "", 0, invalid("PolicyType", "the type is System or Custom")
	}
	if r, refused = s.role(p); refused != nil {
		return nil, "", "", 0, refused
	}
	if kind == "Custom" && s.state.Policies[name] == nil {
		return nil, "", "", 0, missing("Policy")
	}
	at = slices.IndexFunc(r.Attached, func(a attachment) bool { return a.Type == kind && a.Name == name })
	return r, kind, name, at, nil
}

func (s *Server) attach(p access.Call) (map[string]any, *gateway.Error) {
	r, kind, name, at, refused := s.target(p)
	switch {
	case refused != nil:
		return nil, refused
	case at >= 0:
		return nil, exists("Role.Policy")
	case kind == "Custom" && len(r.custom()) == maxAttached:
		return nil, gateway.Errorf(http.StatusConflict, "LimitExceeded.Role.Policy", "The count of policies beyond the current limits.")
	}
	r.Attached = append(r.Attached, attachment{kind, name, s.opt.Now()})
	return nil, nil
}

func (r *role) custom() []attachment {
	return slices.DeleteFunc(slices.Clone(r.Attached), func(a attachment) bool { return a.Type != "Custom" })
}

func (s *Server) detach(p access.Call) (map[string]any, *gateway.Error) {
	r, _, _, at, refused := s.target(p)
	switch {
	case refused != nil:
		return nil, refused
	case at < 0:
		return nil, missing("Role.Policy")
	}
	r.Attached = slices.Delete(r.Attached, at, at+1)
	return nil, nil
}

func (s *Server) listAttached(p access.Call) (map[string]any, *gateway.Error) {
	r, refused := s.role(p)
	if refused != nil {
		return nil, refused
	}
	list := []any{}
	for _, a := range r.Attached {
		entry := map[string]any{"PolicyName": a.Name, "PolicyType": a.Type, "AttachDate": stamp(a.At)}
		if known := s.state.Policies[a.Name]; known != nil && a.Type == "Custom" {
			entry["DefaultVersion"], entry["Description"] = known.Default, known.Description
		}
		list = append(list, entry)
	}
	return map[string]any{"Policies": map[string]any{"Policy": list}}, nil
}
