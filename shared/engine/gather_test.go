package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// learning is a policy with a flow that reads what an instance is, and the parts of
// an array whose ends have it asked about.
func learning(t *testing.T, instances int) (decide.Policy, []engine.Part) {
	p := withFlows(t, `[{name: known, when: 'instance.os == "windows"', steps: [{id: one, run: {}}]}]`)
	var parts []engine.Part
	for n := range instances {
		parts = append(parts, ends(fmt.Sprint("i-", n), fmt.Sprint("t-", n)))
	}
	return p, parts
}

// TestInstancesSideBySideAreAskedAboutTogether: one call about the first, and while it
// is under way, all others gather for the next. (decide rule 127)
func TestInstancesSideBySideAreAskedAboutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(20)
		p, parts := learning(t, 20)
		var mu sync.Mutex
		var asked []int
		d.wait = func(_ context.Context, what, detail string) error {
			if what == "instances" {
				mu.Lock()
				asked = append(asked, len(strings.Fields(detail)))
				mu.Unlock()
				time.Sleep(time.Second)
			}
			return nil
		}
		for at, r := range handleAll(t.Context(), t, d.real(d.engine(p)), parts...) {
			if r.err != nil {
				t.Errorf("%s: %v", at, r.err)
			}
		}
		if fmt.Sprint(asked) != "[1 19]" {
			t.Errorf("the calls were about %v instances, want 1 and 19", asked)
		}
		for n := range 20 {
			if i := d.table.state(fmt.Sprint("i-", n)).Instance; i.OS != "linux" || i.Tags == nil || (*i.Tags)["role"] != "web" {
				t.Errorf("what is known of %s: %+v", i.ID, i)
			}
		}
	})
}

// TestARefusalEndsTheQuestionsOfAnInvocation: the rate is the account's. (decide rule 126)
func TestARefusalEndsTheQuestionsOfAnInvocation(t *testing.T) {
	for class, want := range map[error]int{engine.ErrThrottled: 1, engine.ErrDenied: 1, engine.ErrUnavailable: 5} {
		d := fleetDesk(5)
		p, parts := learning(t, 5)
		d.on = func(what, _ string) fate {
			if what == "instances" {
				return fate{err: class}
			}
			return fate{}
		}
		e := d.engine(p)
		for _, part := range parts {
			if r := handleAll(t.Context(), t, e, part)["0/0"]; r.err != nil {
				t.Errorf("%v: the end is not recorded: %v", class, r.err)
			}
		}
		if n := d.count("instances"); n != want {
			t.Errorf("%v: ECS was asked %d times, want %d", class, n, want)
		}
	}
}
