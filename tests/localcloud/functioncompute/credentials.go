package functioncompute

import (
	"crypto/rand"
	"sync"
	"time"

	"aftercare/tests/localcloud/access"
)

// issuer makes temporary keys and withdraws them when they expire. A key
// outlives the instance that got it, as on FC: a request that was on its way
// when its process died must still pass.
type issuer struct {
	keys     *access.Keys
	now      func() time.Time
	lifetime time.Duration

	mu     sync.Mutex
	issued []issuedKey // in order of expiry
}

type issuedKey struct {
	access.Key
	expires time.Time
}

func newIssuer(keys *access.Keys, now func() time.Time, lifetime time.Duration) *issuer {
	return &issuer{keys: keys, now: now, lifetime: lifetime}
}

// renew returns k while more than half of its lifetime is left, and otherwise a
// new key.
func (i *issuer) renew(k issuedKey) issuedKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	for len(i.issued) > 0 && !i.issued[0].expires.After(now) {
		if i.keys != nil {
			i.keys.Remove(i.issued[0].ID)
		}
		i.issued = i.issued[1:]
	}
	if k.expires.After(now.Add(i.lifetime / 2)) {
		return k
	}
	k = issuedKey{
		Key:     access.Key{ID: "STS." + rand.Text(), Secret: rand.Text(), Token: "CAIS" + rand.Text() + rand.Text()},
		expires: now.Add(i.lifetime),
	}
	if i.keys != nil {
		i.keys.Add(k.Key)
	}
	i.issued = append(i.issued, k)
	return k
}
