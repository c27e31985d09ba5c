// Package access guards the entrance to the services of the local cloud: where
// they listen, and which access keys they accept (an operator's long-lived key,
// and the temporary keys that the local Function Compute gives to its
// functions). It also verifies the two signatures that the vendor's API gateway
// accepts.
package access

import (
	"errors"
	"sync"
)

// Key is one access key. Token is the security token of a temporary key and
// empty for a long-lived one.
type Key struct {
	ID     string
	Secret string
	Token  string
}

// Secret returns ErrUnknownID and ErrWrongToken; each service answers with its
// own protocol's error code for them.
var (
	ErrUnknownID  = errors.New("access key id is not known")
	ErrWrongToken = errors.New("security token does not belong to the access key id")
)

// Keys is a set of accepted keys. The zero value accepts none. It is safe for
// concurrent use.
type Keys struct {
	mu   sync.RWMutex
	byID map[string]Key
}

// NewKeys returns a set that accepts the given keys.
func NewKeys(keys ...Key) *Keys {
	s := &Keys{}
	for _, k := range keys {
		s.Add(k)
	}
	return s
}

// Add accepts k from now on, instead of an older key with the same id.
func (s *Keys) Add(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[string]Key)
	}
	s.byID[k.ID] = k
}

// Remove refuses the key with this id from now on.
func (s *Keys) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// Secret returns the secret that must sign a request with this key id and token,
// or ErrUnknownID or ErrWrongToken.
func (s *Keys) Secret(id, token string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.byID[id]
	switch {
	case !ok:
		return "", ErrUnknownID
	case k.Token != token:
		return "", ErrWrongToken
	}
	return k.Secret, nil
}
