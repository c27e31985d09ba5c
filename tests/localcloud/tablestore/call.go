package tablestore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// call is one authenticated request.
type call struct {
	server   *Server
	instance string
	body     []byte
	logged   *access.Entry
}

// now returns the time.
func (c *call) now() time.Time { return c.server.options.Now() }

// moment is the time of a read or a write, and how far global indexes lag behind
// their tables then. Both are in milliseconds.
type moment struct{ now, lag int64 }

// moment returns the present one. A write must call it inside its update, so that
// later writes get later version stamps.
func (c *call) moment() moment {
	return moment{now: c.now().UnixMilli(), lag: c.server.indexLag.Load()}
}

// readable loads a table or an index.
func (c *call) readable(t tx, name string) (*table, error) {
	in, err := loadTable(t, c.instance, name)
	if err != nil {
		return nil, err
	}
	if in.index != nil && !c.moment().shows(in.index.built) {
		return nil, errIndexBuilding()
	}
	return in, nil
}

// writable loads a table, and refuses an index.
func (c *call) writable(t tx, name string) (*table, error) {
	in, err := loadTable(t, c.instance, name)
	if err == nil && in.index != nil {
		err = errParameter("The index table '%s' is read only.", name)
	}
	return in, err
}

// decode reads the call's message.
func (c *call) decode(m proto.Message) error {
	if err := proto.Unmarshal(c.body, m); err != nil {
		return errParameter("Invalid request body: %v.", err)
	}
	c.logged.About = strings.Join(tablesOf(m), ",")
	return nil
}

// tablesOf returns the tables that a request names.
func tablesOf(m proto.Message) (names []string) {
	switch m := m.(type) {
	case *otsprotocol.CreateTableRequest:
		names = append(names, m.GetTableMeta().GetTableName())
	case *otsprotocol.BatchGetRowRequest:
		for _, t := range m.Tables {
			names = append(names, t.GetTableName())
		}
	case *otsprotocol.BatchWriteRowRequest:
		for _, t := range m.Tables {
			names = append(names, t.GetTableName())
		}
	case interface{ GetTableName() string }:
		names = append(names, m.GetTableName())
	case interface{ GetMainTableName() string }:
		names = append(names, m.GetMainTableName())
	}
	return names
}

// operations are the API calls that the emulator implements.
var operations = map[string]func(*call) (proto.Message, error){
	"CreateTable":   createTable,
	"ListTable":     listTable,
	"DescribeTable": describeTable,
	"UpdateTable":   updateTable,
	"DeleteTable":   deleteTable,
	"PutRow":        putRow,
	"UpdateRow":     updateRow,
	"DeleteRow":     deleteRow,
	"GetRow":        getRow,
	"GetRange":      getRange,
	"BatchGetRow":   batchGetRow,
	"BatchWriteRow": batchWriteRow,

	"CreateIndex":         createIndex,
	"DropIndex":           dropIndex,
	"AddDefinedColumn":    addDefinedColumn,
	"DeleteDefinedColumn": deleteDefinedColumn,
}

// serve answers one API call that came over the network.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.calls.Done()
	s.handle(w, r)
}

// handle answers one API call.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	a := newAnswer(w, r)
	body, ok := s.admit(a, r)
	if !ok {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	a.logged.Call = name
	a.replace = func(body []byte) []byte { return s.replaced(name, body) }
	planned := s.options.Faults.Next(name)
	if planned.Before(r, a.injected) {
		return
	}
	message, err := s.perform(name, &call{server: s, instance: r.Header.Get(headerInstance), body: body, logged: a.logged}, r)
	if planned.After(r, a.injected) {
		return
	}
	if err != nil {
		a.fail(err)
		return
	}
	a.send(http.StatusOK, message)
}

// Authenticate reports whether a known key signed a request, whatever its path,
// and answers it if not.
func (s *Server) Authenticate(w http.ResponseWriter, r *http.Request) bool {
	_, ok := s.admit(newAnswer(w, r), r)
	return ok
}

// admit reads a request's body and verifies its signature, or answers why not.
func (s *Server) admit(a *answer, r *http.Request) (body []byte, ok bool) {
	if r.Method != http.MethodPost {
		a.fail(errMethod())
		return nil, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBodySize+1))
	if err != nil {
		a.fail(errParameter("The request body could not be read."))
		return nil, false
	}
	if len(body) > maxBodySize {
		// A client that is still sending would miss the answer.
		io.Copy(io.Discard, io.LimitReader(r.Body, 16*maxBodySize))
		a.fail(errBodyTooLarge())
		return nil, false
	}
	if a.secret, err = authenticate(r, body, s.options.Keys); err != nil {
		a.fail(err)
		return nil, false
	}
	if instance := s.options.Instance; instance != "" && instance != r.Header.Get(headerInstance) {
		a.fail(errAuth("The instance is not found."))
		return nil, false
	}
	return body, true
}

func (s *Server) perform(name string, c *call, r *http.Request) (proto.Message, error) {
	if r.Header.Get(headerCompress) != "" {
		return nil, errUnsupported("A compressed request")
	}
	operation, ok := operations[name]
	if !ok {
		return nil, errUnsupported("The operation '" + name + "'")
	}
	return operation(c)
}

// answer writes the one answer of a request.
type answer struct {
	w      http.ResponseWriter
	path   string
	keyID  string
	secret string // empty before authentication
	now    time.Time
	logged *access.Entry
	// replace changes the body before it is signed; nil leaves it.
	replace func([]byte) []byte
}

// injected answers with a planned fault's error.
func (a *answer) injected(f *fault.Fault) {
	out := &failure{http.StatusServiceUnavailable, "OTSServerUnavailable", "Server is not available."}
	if f.Status != 0 {
		out.status = f.Status
		if f.Code != "" {
			out.code = f.Code
		}
	}
	if f.Message != "" {
		out.message = f.Message
	}
	a.fail(out)
}

func newAnswer(w http.ResponseWriter, r *http.Request) *answer {
	return &answer{w: w, path: r.URL.Path, keyID: r.Header.Get(headerKeyID), now: time.Now(), logged: access.EntryOf(w)}
}

func (a *answer) fail(err error) {
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		errors.As(errInternal(), &f)
	}
	a.logged.Code = f.code
	a.send(f.status, f.proto())
}

func (f *failure) proto() *otsprotocol.Error {
	return &otsprotocol.Error{Code: &f.code, Message: &f.message}
}

func (a *answer) send(status int, message proto.Message) {
	body, err := proto.Marshal(message)
	if err != nil {
		// Every message is made here with its required fields.
		panic("tablestore: encode answer: " + err.Error())
	}
	if a.replace != nil {
		body = a.replace(body)
	}
	signAnswer(a.w.Header(), a.path, a.keyID, a.secret, newRequestID(), body, a.now)
	a.w.WriteHeader(status)
	a.w.Write(body)
}

// newRequestID returns a random id in the service's form of five groups.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
