package eventbridge

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// The buckets of what calls made and changed.
var (
	keptBuses = []byte("buses")
	keptRules = []byte("rules")
)

// keptRule is a rule as a call left it.
type keptRule struct {
	Spec RuleSpec
	// Origin is the spec that the program gave the rule, as JSON; empty if a
	// call made the rule.
	Origin string
}

// keptBus is a bus that a call made.
type keptBus struct {
	Description string
	Created     int64
}

// keep stores value under name, or removes name if value is nil.
func (j *journal) keep(bucket []byte, name string, value any) error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		if value == nil {
			return tx.Bucket(bucket).Delete([]byte(name))
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		return tx.Bucket(bucket).Put([]byte(name), text)
	})
}

// kept reads what a bucket keeps.
func kept[V any](j *journal, bucket []byte) (map[string]V, error) {
	out := map[string]V{}
	err := j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(name, text []byte) error {
			var v V
			if err := json.Unmarshal(text, &v); err != nil {
				return err
			}
			out[string(name)] = v
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", bucket, err)
	}
	return out, nil
}

// recall makes the buses that calls made, and reads the rules that they made or
// changed.
func (s *Server) recall() error {
	buses, err := kept[keptBus](s.journal, keptBuses)
	if err != nil {
		return err
	}
	for name, b := range buses {
		if s.buses[name] == nil {
			s.buses[name] = &bus{description: b.Description, created: b.Created}
		}
	}
	s.kept, err = kept[keptRule](s.journal, keptRules)
	return err
}

// restore makes the rules that calls made. A rule of the program with the same
// name comes first.
func (s *Server) restore() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kept {
		if k.Origin != "" || s.buses[k.Spec.Bus] == nil || s.ruleOf(k.Spec.Bus, k.Spec.Name) != nil {
			continue
		}
		st, err := s.compile(k.Spec, nil)
		if err == nil {
			err = s.insert(st, "")
		}
		if err != nil {
			return fmt.Errorf("make the rule %s again: %w", k.Spec.Name, err)
		}
	}
	return nil
}
