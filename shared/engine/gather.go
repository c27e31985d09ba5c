package engine

import (
	"context"
	"errors"
	"sync"
)

// askedAtOnce is how many instances ECS is asked about in one call.
const askedAtOnce = 100

// gathering asks one kind of question about instances that are handled side by
// side: one call at a time, about all that have gathered since the call before.
type gathering[T any] struct {
	mu      sync.Mutex
	calling chan struct{} // closed when the call under way ends; nil without one
	next    *question[T]
	refused error // nothing more is asked in this invocation
}

// question is one call about several instances.
type question[T any] struct {
	ids   []string
	done  chan struct{}
	found map[string]T
	err   error
}

// ask asks about an instance. Known is false if the service does not know it.
func (g *gathering[T]) ask(ctx context.Context, id string, call func(context.Context, []string) (map[string]T, error)) (v T, known bool, err error) {
	g.mu.Lock()
	if g.refused != nil {
		defer g.mu.Unlock()
		return v, false, g.refused
	}
	q, first := g.next, g.next == nil
	if first {
		q = &question[T]{done: make(chan struct{})}
		g.next = q
	}
	if q.ids = append(q.ids, id); len(q.ids) == askedAtOnce {
		g.next = nil
	}
	g.mu.Unlock()
	if first {
		g.answer(ctx, q, call)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return v, false, ctx.Err()
	}
	v, known = q.found[id]
	return v, known, q.err
}

// answer makes the call of a question once the call before has ended.
func (g *gathering[T]) answer(ctx context.Context, q *question[T], call func(context.Context, []string) (map[string]T, error)) {
	defer close(q.done)
	ids := g.begin(q)
	func() {
		defer Recovered(&q.err)
		q.found, q.err = call(ctx, ids)
	}()
	g.mu.Lock()
	defer g.mu.Unlock()
	if errors.Is(q.err, ErrThrottled) || errors.Is(q.err, ErrDenied) {
		g.refused = q.err
	}
	close(g.calling)
	g.calling = nil
}

// begin waits until no call is under way, and returns the instances that have
// gathered by then.
func (g *gathering[T]) begin(q *question[T]) []string {
	for {
		g.mu.Lock()
		before := g.calling
		if before == nil {
			if g.next == q {
				g.next = nil
			}
			g.calling = make(chan struct{})
			g.mu.Unlock()
			return q.ids
		}
		g.mu.Unlock()
		<-before
	}
}
