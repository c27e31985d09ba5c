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

	"aftercare/tests/localcloud/fault"
)

// call is one authenticated request.
type call struct {
	server   *Server
	instance string
	body     []byte
}

// now returns the time. A write must call it inside its update, so that later
// writes get later version stamps.
func (c *call) now() time.Time { return c.server.options.Now() }

// milliseconds returns now as a version stamp.
func (c *call) milliseconds() int64 { return c.now().UnixMilli() }

// decode reads the call's message.
func (c *call) decode(m proto.Message) error {
	if err := proto.Unmarshal(c.body, m); err != nil {
		return errParameter("Invalid request body: %v.", err)
	}
	return nil
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
}

// serve answers one API call.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.calls.Done()
	a := answer{w: w, path: r.URL.Path, keyID: r.Header.Get(headerKeyID), now: time.Now()}

	if r.Method != http.MethodPost {
		a.fail(errMethod())
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBodySize+1))
	if err != nil {
		a.fail(errParameter("The request body could not be read."))
		return
	}
	if len(body) > maxBodySize {
		// A client that is still sending would miss the answer.
		io.Copy(io.Discard, io.LimitReader(r.Body, 16*maxBodySize))
		a.fail(errBodyTooLarge())
		return
	}
	if a.secret, err = authenticate(r, body, s.options.Keys); err != nil {
		a.fail(err)
		return
	}
	instance := r.Header.Get(headerInstance)
	if s.options.Instance != "" && instance != s.options.Instance {
		a.fail(errAuth("The instance is not found."))
		return
	}

	name := strings.TrimPrefix(r.URL.Path, "/")
	planned := s.options.Faults.Next(name)
	if planned.Before(r, a.injected) {
		return
	}
	message, err := s.perform(name, &call{server: s, instance: instance, body: body}, r)
	if planned.After(r, a.injected) {
		return
	}
	if err != nil {
		a.fail(err)
		return
	}
	a.send(http.StatusOK, message)
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

func (a *answer) fail(err error) {
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		errors.As(errInternal(), &f)
	}
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
