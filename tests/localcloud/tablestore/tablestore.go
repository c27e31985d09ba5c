// Package tablestore is a local Alibaba Cloud Tablestore for wide-column
// tables: the real protocol (protobuf and PlainBuffer with checksums over
// HTTP, signatures v1 and v4) in front of an ordered store in memory or in a
// bbolt file. The official SDKs work with it unmodified.
//
// It implements CreateTable, ListTable, DescribeTable, UpdateTable, DeleteTable,
// CreateIndex, DropIndex, AddDefinedColumn, DeleteDefinedColumn, PutRow, GetRow,
// UpdateRow, DeleteRow, GetRange, BatchGetRow and BatchWriteRow, with conditions,
// filters, versions, time to live, increments, auto-increment keys, atomic
// batches, global and local secondary indexes, and the limits and error codes of
// the service. A write to a file is on disk before it is acknowledged, and so are
// its rows in the indexes.
//
// It has no streams, SQL, search, time series or local transactions:
// it refuses them with OTSUnsupportOperation and a message that names them.
// It checks no permissions and limits no capacity. Limits lists every known
// difference from the service.
package tablestore

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Options are the settings of a Server.
type Options struct {
	Listen access.Listen
	// Path is the bbolt file, which is created if missing; empty keeps
	// everything in memory.
	Path string
	// NoSync skips the fsync of each write: faster, and not durable.
	NoSync bool
	// Copy is a server in memory, which may be closed: this one, in memory too,
	// begins with its tables and rows.
	Copy *Server
	// Keys are the accepted access keys; with nil no key is accepted.
	Keys *access.Keys
	// Instance is the only accepted instance name; empty accepts any. Each
	// instance name has its own tables.
	Instance string
	// Now is the clock of time to live and of version stamps; time.Now if nil.
	Now func() time.Time
	// IndexLag is how far global indexes lag behind their tables from the start;
	// see SetIndexLag.
	IndexLag time.Duration
	// NoAtomicBatchOnIndexes refuses atomic batches that write to a table with a
	// secondary index. No page of the service says whether it allows them.
	NoAtomicBatchOnIndexes bool
	// Faults are asked once for each call that passed authentication. It may
	// be nil.
	Faults *fault.Set
}

// Server is a running Tablestore. It is safe for concurrent use.
type Server struct {
	options Options
	store   store
	http    *access.Server
	onRow   atomic.Pointer[func(table string, row int)]
	// onAnswer replaces bodies of answers.
	onAnswer atomic.Pointer[func(call string, body []byte) []byte]

	mu       sync.Mutex
	closed   bool
	closeErr error
	calls    sync.WaitGroup // added to under mu, while not closed

	indexLag atomic.Int64 // milliseconds
}

// Start opens the store, and serves until Close.
func Start(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keys == nil {
		o.Keys = access.NewKeys()
	}
	port, err := o.Listen.Start("tablestore")
	if err != nil {
		return nil, fmt.Errorf("start tablestore: %w", err)
	}
	memory := &memoryStore{}
	if o.Copy != nil {
		memory.root.Store(o.Copy.store.(*memoryStore).root.Load())
	}
	var kept store = memory
	if o.Path != "" {
		if kept, err = openBolt(o.Path, o.NoSync); err != nil {
			return nil, errors.Join(fmt.Errorf("start tablestore: %w", err), port.Close())
		}
	}
	s := &Server{options: o, store: kept, http: port}
	s.SetIndexLag(o.IndexLag)
	port.Serve(http.HandlerFunc(s.serve))
	return s, nil
}

// Endpoint is the address to give to an SDK, for example
// "http://127.0.0.1:40001".
func (s *Server) Endpoint() string { return s.http.URL() }

// Handler answers the calls of a client that needs no connection, such as a
// test with a clock of its own. Close does not wait for them.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.handle) }

// Close ends all calls, even those that a fault lets hang, waits for calls that
// write, and closes the store.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()

	s.http.Close() // cancels the contexts on which hanging calls wait
	s.calls.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	if first {
		if err := s.store.close(); err != nil {
			s.closeErr = fmt.Errorf("close tablestore: %w", err)
		}
	}
	return s.closeErr
}

// begin counts a call, so that Close can wait for it; it reports false if
// the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.calls.Add(1)
	return true
}

// OnRow makes GetRange read each row in its own transaction, and call f after
// each, even if no other row follows, unless the answer is full. No lock is
// held: f may call the server. row is how many rows this GetRange has read so
// far, including those that its filter dropped. nil removes f.
func (s *Server) OnRow(f func(table string, row int)) {
	if f == nil {
		s.onRow.Store(nil)
		return
	}
	s.onRow.Store(&f)
}
