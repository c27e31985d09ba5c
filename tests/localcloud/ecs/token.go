package ecs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// tokenRecord is what is known about a ClientToken. Its fields are stored.
type tokenRecord struct {
	Hash   string
	At     time.Time
	Answer map[string]string
	// processing: the first call with this token has not ended.
	processing bool
}

// openToken looks up a call's ClientToken. It returns the answer of an earlier
// call, or a key under which this call is now in progress, until closeToken or
// forgetToken ends it. The key is empty for a call without a token.
func (s *Server) openToken(p params) (answer map[string]string, key string, _ *apiError) {
	text := p.text("ClientToken")
	if text == "" {
		return nil, "", nil
	}
	if len(text) > 64 || !ascii(text) {
		return nil, "", bad("InvalidClientToken.Malformed", "the client token is not of at most 64 ASCII characters")
	}
	key = p.action + " " + text
	hash := hashOf(p.form)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetTokens(s.options.Now())
	if known := s.tokens[key]; known != nil && (known.processing || s.options.Now().Sub(known.At) <= s.options.Delays.TokenTTL) {
		switch {
		case known.Hash != hash:
			return nil, "", forbidden("IdempotentParameterMismatch", "the client token was used before with other parameters")
		case known.processing:
			return nil, "", forbidden("IdempotentProcessing", "an earlier call with this client token is still in progress, try again later")
		}
		return known.Answer, "", nil
	}
	s.tokens[key] = &tokenRecord{Hash: hash, At: s.options.Now(), processing: true}
	return nil, key, nil
}

// forgetToken ends a call without an effect, whose token can be used again.
func (s *Server) forgetToken(key string) {
	if key == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.tokens[key]; known != nil && known.processing {
		delete(s.tokens, key)
	}
}

// closeToken keeps the answer of a call with an effect, in the same
// transaction as the effect. The caller holds the lock.
func (s *Server) closeToken(key string, answer map[string]string) {
	if key == "" {
		return
	}
	record := s.tokens[key]
	record.Answer, record.processing = answer, false
	s.put(bucketTokens, key, record)
}

// hashOf identifies a call's request, whoever signs it and whenever.
func hashOf(form url.Values) string {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(form)) {
		fmt.Fprintf(hash, "%q=%q\n", name, form.Get(name))
	}
	return hex.EncodeToString(hash.Sum(nil))
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] > 0x7e || text[i] < 0x20 {
			return false
		}
	}
	return true
}
