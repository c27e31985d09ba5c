// Package ram imitates what setting up a deployment needs of Resource Access
// Management: roles, custom policies with up to five versions, and attachments of
// policies to roles. It is the RPC API 2015-05-01.
//
// Nothing is enforced: any accepted key may do everything, here and elsewhere in
// the local cloud. Limits lists what else it does not imitate.
package ram

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/datafile"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/gateway"
)

// Options say how a Server runs. The zero value of each field is usable.
type Options struct {
	Listen access.Listen
	// Keys are the accepted keys.
	Keys *access.Keys
	// Account is in the names of roles; 1234567890123456 if empty.
	Account string
	// Path is a file that keeps everything; memory if empty.
	Path   string
	Now    func() time.Time // time.Now if nil
	Faults *fault.Set
}

// Server is a running imitation. It is safe for concurrent use.
type Server struct {
	opt  Options
	http *access.Server
	file *datafile.Value

	mu     sync.Mutex
	closed bool
	state  state
}

// state is all that exists, in the form in which the file keeps it.
type state struct {
	Roles    map[string]*role
	Policies map[string]*policy
	Last     int // the number of the last role
}

type role struct {
	RoleID, RoleName, Arn, Description, Document string
	MaxSessionDuration                           int
	Created, Updated                             time.Time
	// Attached are the names of policies, in order, with the times.
	Attached []attachment
}

type attachment struct {
	Type, Name string
	At         time.Time
}

type policy struct {
	PolicyName, Description string
	Created, Updated        time.Time
	Default                 string // the id of the default version
	Last                    int    // the number of the last version
	Versions                []version
}

type version struct {
	ID, Document string
	Created      time.Time
}

// Start opens the state and serves.
func Start(opt Options) (*Server, error) {
	if opt.Account == "" {
		opt.Account = "1234567890123456"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Keys == nil {
		opt.Keys = access.NewKeys()
	}
	s := &Server{opt: opt, state: state{Roles: map[string]*role{}, Policies: map[string]*policy{}}}
	var err error
	if s.file, err = datafile.OpenValue(opt.Path, &s.state); err != nil {
		return nil, fmt.Errorf("start ram: %w", err)
	}
	if s.http, err = opt.Listen.Start("ram"); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	s.http.Serve(&gateway.Service{
		Version: "2015-05-01", Host: "ram.aliyuncs.com", Faults: opt.Faults,
		Verifier: access.NewVerifier(opt.Keys, opt.Now), About: []string{"RoleName", "PolicyName"}, Actions: s.actions(),
	})
	return s, nil
}

// Endpoint returns the base URL of the API.
func (s *Server) Endpoint() string { return s.http.URL() }

// Close cuts every connection and closes the file.
func (s *Server) Close() error {
	err := s.http.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return err
	}
	s.closed = true
	return errors.Join(err, s.file.Close())
}

// action is what an action does, under the lock.
type action func(p access.Call) (map[string]any, *gateway.Error)

// actions returns what the server can do. The changes are kept before they are
// answered.
func (s *Server) actions() map[string]func(access.Call) (map[string]any, *gateway.Error) {
	out := map[string]func(access.Call) (map[string]any, *gateway.Error){}
	for name, a := range map[string]struct {
		do      action
		changes bool
	}{
		"CreateRole": {s.createRole, true}, "GetRole": {s.getRole, false}, "UpdateRole": {s.updateRole, true},
		"DeleteRole": {s.deleteRole, true}, "ListRoles": {s.listRoles, false},
		"CreatePolicy": {s.createPolicy, true}, "GetPolicy": {s.getPolicy, false}, "DeletePolicy": {s.deletePolicy, true},
		"CreatePolicyVersion": {s.createVersion, true}, "ListPolicyVersions": {s.listVersions, false},
		"DeletePolicyVersion": {s.deleteVersion, true}, "SetDefaultPolicyVersion": {s.setDefault, true},
		"AttachPolicyToRole": {s.attach, true}, "DetachPolicyFromRole": {s.detach, true}, "ListPoliciesForRole": {s.listAttached, false},
	} {
		out[name] = func(p access.Call) (map[string]any, *gateway.Error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.closed {
				panic(http.ErrAbortHandler)
			}
			answer, refused := a.do(p)
			if refused == nil && a.changes {
				if err := s.file.Save(s.state); err != nil {
					return nil, gateway.Errorf(http.StatusInternalServerError, "InternalError", "%v", err)
				}
			}
			return answer, refused
		}
	}
	return out
}

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Nothing is enforced: any accepted key may call everything, and a policy has no effect anywhere in the local cloud.",
		"Only CreateRole, GetRole, UpdateRole, DeleteRole, ListRoles, the actions for custom policies and their versions, AttachPolicyToRole, DetachPolicyFromRole and ListPoliciesForRole are imitated.",
		"There are no users, groups, access keys, service-linked roles, tags or resource groups; parameters that belong to these are ignored.",
		"System policies do not exist for GetPolicy; they can be attached under any name.",
		"ListRoles has no pages.",
		"Documents must be JSON objects with Version and Statement; whether their statements make sense is not checked.",
		"Documents come back as the text that was sent; whether the real service keeps blanks is not known.",
		"Limits are five versions of a policy, 6,144 characters of a document and ten policies of a role, as documented; the numbers of roles and policies are not limited.",
		"Not verified: the statuses of EntityAlreadyExists.Role.Policy (409) and EntityNotExist.Role.Policy (404).",
	}
}
