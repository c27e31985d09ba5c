package functioncompute

import (
	"slices"
	"sync"
	"time"
)

// pool holds the instances of one function.
type pool struct {
	max int

	mu       sync.Mutex
	all      []*instance
	starting int         // instances that are not in all yet
	idle     []*instance // the one used last is at the end
	closed   bool
}

// acquire returns an idle instance, or nil and no error if the caller may
// start one, and must report the result with attach or cancel.
func (p *pool) acquire() (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, errClosed
	case len(p.idle) > 0:
		in := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if in.idle != nil {
			in.idle.Stop()
		}
		return in, nil
	case len(p.all)+p.starting >= p.max:
		return nil, errExhausted
	}
	p.starting++
	return nil, nil
}

func (p *pool) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
}

// attach adds a started instance. It reports false if the pool has been closed
// meanwhile.
func (p *pool) attach(in *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if p.closed {
		return false
	}
	p.all = append(p.all, in)
	return true
}

// release makes an instance available again, and retires it after the given idle
// time if that is positive. It reports false if nobody needs the instance.
func (p *pool) release(in *instance, idleAfter time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return false
	case !slices.Contains(p.all, in):
		return true // killed, or ended by itself
	}
	p.idle = append(p.idle, in)
	if idleAfter > 0 {
		in.idle = time.AfterFunc(idleAfter, func() {
			if p.retire(in) {
				in.kill()
			}
		})
	}
	return true
}

// retire removes an instance if it is idle.
func (p *pool) retire(in *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.idle, in) {
		return false
	}
	p.drop(in)
	return true
}

// remove forgets an instance whose process has ended.
func (p *pool) remove(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(in)
}

func (p *pool) drop(in *instance) {
	same := func(other *instance) bool { return other == in }
	p.all = slices.DeleteFunc(p.all, same)
	p.idle = slices.DeleteFunc(p.idle, same)
	if in.idle != nil {
		in.idle.Stop()
	}
}

// drain forgets every instance and returns them, so that no new invocation
// reaches one of them.
func (p *pool) drain() []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	drained := p.all
	for _, in := range drained {
		if in.idle != nil {
			in.idle.Stop()
		}
	}
	p.all, p.idle = nil, nil
	return drained
}

// supersede lets no more invocations in, and returns the idle instances. The busy
// ones end when they are released.
func (p *pool) supersede() []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	idle := slices.Clone(p.idle)
	for _, in := range idle {
		p.drop(in)
	}
	return idle
}

func (p *pool) close() []*instance {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.drain()
}

func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}
