// Package sls imitates what setting up a deployment needs of Simple Log Service:
// projects, logstores, indexes, dashboards and alert rules, and GetLogs over the
// lines that the local cloud writes. Calls must be signed, by version 1 (HMAC-SHA1
// or HMAC-SHA256) or version 4.
//
// The project of a call is the first label of its host, as in
// PROJECT.127.0.0.1:14307: clients connect to the address, and name the project in
// the header Host. Limits lists what it does not imitate.
package sls

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/datafile"
	"aftercare/tests/localcloud/fault"
)

// Options say how a Server runs. The zero value of each field is usable.
type Options struct {
	Listen access.Listen
	// Keys are the accepted keys.
	Keys *access.Keys
	// Region must be that of signatures of version 4; cn-hangzhou if empty.
	Region string
	// Taken are names of projects that other accounts have.
	Taken []string
	// Path is a file that keeps everything but lines; memory if empty.
	Path   string
	Now    func() time.Time // time.Now if nil
	Faults *fault.Set
}

// Server is a running imitation. It is safe for concurrent use.
type Server struct {
	opt  Options
	http *access.Server
	file *datafile.Value

	mu       sync.Mutex
	closed   bool
	projects map[string]*project
	lines    map[[2]string][]Line // by project and logstore
}

// project is one project, in the form in which the file keeps it.
type project struct {
	Description string
	Created     time.Time
	Stores      map[string]*store
	// Dashboards and Alerts are documents, by name.
	Dashboards, Alerts map[string]document
}

type store struct {
	Config document
	Index  document // nil if there is none
}

// document is a JSON object.
type document map[string]any

// Line is one line of a log.
type Line struct {
	At     time.Time
	Topic  string
	Fields map[string]string
}

// maxLines is how many lines of a logstore are kept.
const maxLines = 10_000

// Start opens the state and serves.
func Start(opt Options) (*Server, error) {
	if opt.Region == "" {
		opt.Region = "cn-hangzhou"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Keys == nil {
		opt.Keys = access.NewKeys()
	}
	s := &Server{opt: opt, projects: map[string]*project{}, lines: map[[2]string][]Line{}}
	var err error
	if s.file, err = datafile.OpenValue(opt.Path, &s.projects); err != nil {
		return nil, fmt.Errorf("start sls: %w", err)
	}
	if s.http, err = opt.Listen.Start("sls"); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	s.http.Serve(s)
	return s, nil
}

// Endpoint returns the base URL of the API, without a project.
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

// Write adds a line to a logstore, and reports whether that exists.
func (s *Server) Write(project, logstore string, line Line) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects[project]
	if p == nil || p.Stores[logstore] == nil {
		return false
	}
	key := [2]string{project, logstore}
	list := append(s.lines[key], line)
	s.lines[key] = list[max(len(list)-maxLines, 0):]
	return true
}

// Check says, in the words of the service, what is missing of a logstore.
func (s *Server) Check(project, logstore string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects[project]
	switch {
	case p == nil:
		return fmt.Errorf("project '%s' does not exist", project)
	case logstore != "" && p.Stores[logstore] == nil:
		return fmt.Errorf("logstore '%s' does not exist", logstore)
	}
	return nil
}

// decode reads a JSON object.
func decode(body []byte) (document, *apiError) {
	var d document
	if json.Unmarshal(body, &d) != nil || d == nil {
		return nil, refuse(400, "PostBodyInvalid", "The request body is not valid JSON object.")
	}
	return d, nil
}

func (d document) text(name string) string {
	text, _ := d[name].(string)
	return text
}

// with returns a copy with more members.
func (d document) with(more document) document {
	out := document{}
	for _, from := range []document{d, more} {
		for name, value := range from {
			out[name] = value
		}
	}
	return out
}

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Only projects, logstores, indexes, dashboards, alert rules and GetLogs (both forms) are imitated; writing by PutLogs, shards, machine groups, ETL, consumer groups, saved searches and the recycle bin are not.",
		"Alert rules and dashboards are kept, not evaluated or drawn; rules are found under /alerts and, as the older Go SDK has it, under /jobs.",
		"Queries are words and KEY: VALUE joined by and, or *, over words split as the console's standard index does; or, not, ranges and SQL are refused with LocalCloud.NotImitated.",
		"A query needs an index, as documented, but finds fields that the index does not name.",
		"The lines are those that the local cloud writes itself; the last 10,000 of a logstore are kept, in memory.",
		"What is made exists at once; the real service needs up to a minute.",
		"Nothing is enforced: any accepted key may do everything, and a name that another account has is a setting for tests.",
		"Not verified: the statuses of DashboardNotExist, JobNotExist and IndexConfigNotExist (404), the code JobAlreadyExist, and what GetProject answers for another account's project (401 Unauthorized here).",
		"Answers are not compressed, and bodies must not be.",
	}
}
