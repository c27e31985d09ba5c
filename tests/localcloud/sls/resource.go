package sls

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
)

// kind is a kind of resources with a name in a project.
type kind struct {
	path, name string
	// member is where a body has the resource's name.
	member string
	// missing and exists are the codes; the message of exists may be all that
	// tells it from other errors.
	missing       string
	exists        string
	existsMessage string
	of            func(*project) map[string]document
}

var kinds = []kind{
	{"logstores", "LogStore", "logstoreName", "LogStoreNotExist", "LogStoreAlreadyExist", "logstore already exists", nil},
	{"dashboards", "Dashboard", "dashboardName", "DashboardNotExist", "ParameterInvalid", "specified dashboard already exists",
		func(p *project) map[string]document { return p.Dashboards }},
	{"alerts", "Alert", "name", "JobNotExist", "JobAlreadyExist", "the job already exists", func(p *project) map[string]document { return p.Alerts }},
}

// call finds a call about a kind.
func (k kind) call(method string, r *request) (call, bool) {
	on := func(name string, changes bool, do func(*Server, *project, request) (any, *apiError)) (call, bool) {
		return call{name + k.name, changes, func(s *Server, r request) (any, *apiError) {
			p, e := s.project(r)
			if e != nil {
				return nil, e
			}
			return do(s, p, r)
		}}, true
	}
	switch {
	case method == http.MethodPost && r.name == "":
		return on("Create", true, k.create)
	case method == http.MethodPut && r.name != "":
		return on("Update", true, k.update)
	case method == http.MethodGet && r.name != "":
		return on("Get", false, k.get)
	case method == http.MethodDelete && r.name != "":
		return on("Delete", true, k.remove)
	}
	return call{}, false
}

// find returns a resource; nil if it does not exist.
func (k kind) find(p *project, name string) document {
	if k.of != nil {
		return k.of(p)[name]
	}
	if s := p.Stores[name]; s != nil {
		return s.Config
	}
	return nil
}

func (k kind) put(p *project, name string, d document) {
	if k.of != nil {
		k.of(p)[name] = d
		return
	}
	if p.Stores[name] == nil {
		p.Stores[name] = &store{}
	}
	p.Stores[name].Config = d
}

func (k kind) notExist(name string) *apiError {
	return refuse(http.StatusNotFound, k.missing, "%s %s does not exist", k.name, name)
}

var resourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,126}[a-z0-9]$`)

func (k kind) create(s *Server, p *project, r request) (any, *apiError) {
	d, e := decode(r.body)
	if e != nil {
		return nil, e
	}
	name := d.text(k.member)
	switch {
	case !resourceName.MatchString(name):
		return nil, refuse(http.StatusBadRequest, "ParameterInvalid", "%s must be lower case letters, digits, - and _", k.member)
	case k.find(p, name) != nil:
		return nil, refuse(http.StatusBadRequest, k.exists, "%s", k.existsMessage)
	}
	now := s.opt.Now().Unix()
	k.put(p, name, d.with(document{"createTime": now, "lastModifyTime": now, "status": "ENABLED"}))
	return nil, nil
}

// update replaces all that can be changed. An alert rule is also turned on and off
// by it.
func (k kind) update(s *Server, p *project, r request) (any, *apiError) {
	old := k.find(p, r.name)
	if old == nil {
		return nil, k.notExist(r.name)
	}
	kept := document{"createTime": old["createTime"], "lastModifyTime": s.opt.Now().Unix(), "status": old["status"]}
	if state, ok := map[string]string{"enable": "ENABLED", "disable": "DISABLED"}[r.query["action"]]; ok {
		k.put(p, r.name, old.with(document{"status": state}))
		return nil, nil
	}
	d, e := decode(r.body)
	if e != nil {
		return nil, e
	}
	if name := d.text(k.member); name != "" && name != r.name {
		return nil, refuse(http.StatusBadRequest, "ParameterInvalid", "%s is not the name in the path", k.member)
	}
	k.put(p, r.name, d.with(kept).with(document{k.member: r.name}))
	return nil, nil
}

func (k kind) get(_ *Server, p *project, r request) (any, *apiError) {
	if d := k.find(p, r.name); d != nil {
		return d, nil
	}
	return nil, k.notExist(r.name)
}

func (k kind) remove(s *Server, p *project, r request) (any, *apiError) {
	if k.find(p, r.name) == nil {
		return nil, k.notExist(r.name)
	}
	if k.of != nil {
		delete(k.of(p), r.name)
		return nil, nil
	}
	delete(p.Stores, r.name)
	delete(s.lines, [2]string{r.project, r.name})
	return nil, nil
}

var projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

func (s *Server) project(r request) (*project, *apiError) {
	p := s.projects[r.project]
	switch {
	case p != nil:
		return p, nil
	case slices.Contains(s.opt.Taken, r.project):
		return nil, refuse(http.StatusUnauthorized, "Unauthorized", "The caller is not authorized to access the project.")
	}
	return nil, refuse(http.StatusNotFound, "ProjectNotExist", "The Project does not exist : %s", r.project)
}

func (s *Server) createProject(r request) (any, *apiError) {
	d, e := decode(r.body)
	if e != nil {
		return nil, e
	}
	name := d.text("projectName")
	switch {
	case !projectName.MatchString(name) || r.project != "" && r.project != name:
		return nil, refuse(http.StatusBadRequest, "ParameterInvalid", "projectName must be 3 to 63 lower case letters, digits and -, and that of the host")
	case d["description"] == nil:
		return nil, refuse(http.StatusBadRequest, "ParameterInvalid", "description is missing")
	case s.projects[name] != nil || slices.Contains(s.opt.Taken, name):
		return nil, refuse(http.StatusBadRequest, "ProjectAlreadyExist", "Project %s already exist.", name)
	}
	s.projects[name] = &project{
		Description: d.text("description"), Created: s.opt.Now(), Stores: map[string]*store{}, Dashboards: map[string]document{}, Alerts: map[string]document{},
	}
	return nil, nil
}

func (s *Server) getProject(r request) (any, *apiError) {
	p, e := s.project(r)
	if e != nil {
		return nil, e
	}
	at := strconv.FormatInt(p.Created.Unix(), 10)
	return document{
		"projectName": r.project, "description": p.Description, "status": "Normal", "owner": "", "region": s.opt.Region,
		"createTime": at, "lastModifyTime": at,
	}, nil
}

func (s *Server) deleteProject(r request) (any, *apiError) {
	p, e := s.project(r)
	if e != nil {
		return nil, e
	}
	for name := range maps.Keys(p.Stores) {
		delete(s.lines, [2]string{r.project, name})
	}
	delete(s.projects, r.project)
	return nil, nil
}

// logstore finds the logstore of a call.
func (s *Server) logstore(r request) (*store, *apiError) {
	p, e := s.project(r)
	if e != nil {
		return nil, e
	}
	if found := p.Stores[r.store]; found != nil {
		return found, nil
	}
	return nil, kinds[0].notExist(r.store)
}

var errNoIndex = refuse(http.StatusNotFound, "IndexConfigNotExist", "The index configuration does not exist for this logstore.")

func (s *Server) createIndex(r request) (any, *apiError) {
	l, e := s.logstore(r)
	switch {
	case e != nil:
		return nil, e
	case l.Index != nil:
		return nil, refuse(http.StatusBadRequest, "IndexAlreadyExist", "Logstore index is already created.")
	}
	l.Index, e = s.index(r)
	return nil, e
}

// index reads an index, and adds what the service adds.
func (s *Server) index(r request) (document, *apiError) {
	d, e := decode(r.body)
	switch {
	case e != nil:
		return nil, e
	case d["line"] == nil && d["keys"] == nil:
		return nil, refuse(http.StatusBadRequest, "ParameterInvalid", "an index has line, keys or both")
	}
	return document{"max_text_len": 2048, "log_reduce": false}.with(d).with(document{"index_mode": "v2", "lastModifyTime": s.opt.Now().Unix()}), nil
}

func (s *Server) updateIndex(r request) (any, *apiError) {
	l, e := s.logstore(r)
	switch {
	case e != nil:
		return nil, e
	case l.Index == nil:
		return nil, errNoIndex
	}
	d, e := s.index(r)
	if e == nil {
		l.Index = d
	}
	return nil, e
}

func (s *Server) getIndex(r request) (any, *apiError) {
	l, e := s.logstore(r)
	switch {
	case e != nil:
		return nil, e
	case l.Index == nil:
		return nil, errNoIndex
	}
	return l.Index, nil
}

func (s *Server) deleteIndex(r request) (any, *apiError) {
	l, e := s.logstore(r)
	switch {
	case e != nil:
		return nil, e
	case l.Index == nil:
		return nil, errNoIndex
	}
	l.Index = nil
	return nil, nil
}
