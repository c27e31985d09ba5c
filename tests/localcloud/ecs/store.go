package ecs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"aftercare/tests/localcloud/datafile"
)

// The buckets of the state's file. Values are JSON.
const (
	bucketMeta        = "meta"
	bucketInstances   = "instances"
	bucketCommands    = "commands"
	bucketInvocations = "invocations"
	bucketTasks       = "tasks"
	bucketTokens      = "tokens"
	bucketRuns        = "runs"
	bucketEvents      = "events"
)

var buckets = []string{bucketMeta, bucketInstances, bucketCommands, bucketInvocations,
	bucketTasks, bucketTokens, bucketRuns, bucketEvents}

// store is the file of the acknowledged state. Without a path it stores nothing.
type store struct {
	db      *bbolt.DB
	pending []record
}

// record is one change; a nil value removes the key.
type record struct {
	bucket string
	key    string
	value  []byte
}

func openStore(path string) (*store, error) {
	if path == "" {
		return &store{}, nil
	}
	db, err := datafile.Open(path, bbolt.Options{}, buckets...)
	if err != nil {
		return nil, err
	}
	return &store{db: db}, nil
}

func (st *store) close() error {
	if st.db == nil {
		return nil
	}
	return st.db.Close()
}

// put adds a change to the next commit. The caller holds the lock.
func (s *Server) put(bucket, key string, value any) {
	if s.store.db == nil {
		return
	}
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("ecs: encode a record of %s: %v", bucket, err)) // a mistake in the type
	}
	s.store.pending = append(s.store.pending, record{bucket, key, body})
}

func (s *Server) putTask(t *task) {
	s.put(bucketTasks, t.InvokeID+"/"+t.InstanceID, t)
}

// remove adds a record's removal to the next commit.
func (s *Server) remove(bucket, key string) {
	if s.store.db != nil {
		s.store.pending = append(s.store.pending, record{bucket, key, nil})
	}
}

// commit makes the noted changes durable, all or none. After a failure the
// state in memory is ahead of the file, so every later call is refused. The
// caller holds the lock.
func (s *Server) commit() error {
	if s.broken != nil {
		return s.broken
	}
	changes := s.store.pending
	s.store.pending = nil
	if len(changes) == 0 {
		return nil
	}
	err := s.store.db.Update(func(tx *bbolt.Tx) error {
		for _, c := range changes {
			b := tx.Bucket([]byte(c.bucket))
			if c.value == nil {
				if err := b.Delete([]byte(c.key)); err != nil {
					return err
				}
				continue
			}
			if err := b.Put([]byte(c.key), c.value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.broken = fmt.Errorf("write the state file: %w", err)
	}
	return s.broken
}

// load reads the stored state into memory.
func (s *Server) load() error {
	if s.store.db == nil {
		return nil
	}
	return s.store.db.View(func(tx *bbolt.Tx) error {
		if body := tx.Bucket([]byte(bucketMeta)).Get([]byte("spent")); body != nil {
			if err := json.Unmarshal(body, &s.spent); err != nil {
				return fmt.Errorf("read the quota: %w", err)
			}
		}
		if err := each(tx, bucketInstances, func(i *instance) {
			i.scripts = make(map[*script]bool)
			s.instances[i.ID] = i
		}); err != nil {
			return err
		}
		if err := each(tx, bucketCommands, func(c *command) { s.commands[c.ID] = c }); err != nil {
			return err
		}
		if err := each(tx, bucketRuns, func(r *run) { s.runs, s.started = append(s.runs, r), r.Seq }); err != nil {
			return err
		}
		if err := each(tx, bucketEvents, func(e *outgoing) {
			s.outbox, s.sent = append(s.outbox, *e), e.Seq
		}); err != nil {
			return err
		}
		tasks := make(map[string]*task)
		if err := each(tx, bucketTasks, func(t *task) {
			tasks[t.InvokeID+"/"+t.InstanceID] = t
		}); err != nil {
			return err
		}
		if err := each(tx, bucketInvocations, func(inv *invocation) {
			for _, id := range inv.Instances {
				t := tasks[inv.ID+"/"+id]
				t.invocation = inv
				inv.tasks = append(inv.tasks, t)
				if i := s.instances[id]; i != nil { // it may be deleted
					i.adopt(t)
				}
			}
			s.seq = inv.Seq
			s.invocations = append(s.invocations, inv)
		}); err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketTokens)).ForEach(func(key, body []byte) error {
			record := &tokenRecord{}
			if err := json.Unmarshal(body, record); err != nil {
				return fmt.Errorf("read a client token: %w", err)
			}
			s.tokens[string(key)] = record
			return nil
		})
	})
}

// each decodes every record of a bucket, in the order of its keys.
func each[T any](tx *bbolt.Tx, bucket string, take func(*T)) error {
	return tx.Bucket([]byte(bucket)).ForEach(func(key, body []byte) error {
		value := new(T)
		if err := json.Unmarshal(bytes.Clone(body), value); err != nil {
			return fmt.Errorf("read %s/%s: %w", bucket, key, err)
		}
		take(value)
		return nil
	})
}

// ordered returns a key that sorts by number.
func ordered(n uint64) string {
	return string(binary.BigEndian.AppendUint64(nil, n))
}
