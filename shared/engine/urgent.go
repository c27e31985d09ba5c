package engine

import (
	"context"
	"sync"

	"aftercare/shared/decide"
)

// urgent is a critical alert that the invocation put into the inbox. One stands for
// all of them: whoever is woken brings everything that is there.
type urgent struct {
	mu    sync.Mutex
	alert *decide.Alert
}

func (u *urgent) note(a decide.Alert) {
	if !a.Urgent() {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.alert = &a
}

func (u *urgent) take() *decide.Alert {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.alert
	u.alert = nil
	return a
}

// wakeAlerts wakes whoever brings alerts to people, if there is a critical one that
// nobody was woken for.
func (e *Engine) wakeAlerts(ctx context.Context) {
	if a := e.urgent.take(); a != nil && e.Waker != nil {
		e.Waker.Wake(ctx, *a)
	}
}
