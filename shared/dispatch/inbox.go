package dispatch

import (
	"context"
	"fmt"

	"aftercare/shared/decide"
)

// page is the most letters that are held at once.
const page = 1000

// empty makes the letters of a shard members of their groups, and removes them.
func (r *round) empty(ctx context.Context, shard int) error {
	for {
		var letters []Letter
		err := r.Store.Inbox(ctx, shard, func(l Letter) bool {
			letters = append(letters, l)
			return len(letters) < page
		})
		if err != nil {
			return err
		}
		if err := r.sort(ctx, letters); err != nil {
			return err
		}
		if len(letters) < page {
			return nil
		}
		if r.over() {
			r.leave()
			return nil
		}
	}
}

// sort puts letters into their groups, and removes those that are in all of them.
func (r *round) sort(ctx context.Context, letters []Letter) error {
	groups := map[string][]Letter{}
	targets := map[string]Target{}
	var order []string
	for i := range letters {
		letters[i].Alert = r.Routes.Rated(letters[i].Alert)
	}
	for _, l := range letters {
		for _, t := range r.Routes.Of(l.Alert) {
			if _, known := targets[t.Group]; !known {
				targets[t.Group] = t
				order = append(order, t.Group)
			}
			groups[t.Group] = append(groups[t.Group], l)
		}
	}
	for _, group := range order {
		for left := groups[group]; len(left) > 0; {
			n := fitting(len(left), func(i int) decide.Alert { return left[i].Alert })
			if err := r.join(ctx, targets[group], left[:n]); err != nil {
				return err
			}
			left = left[n:]
		}
	}
	r.count(func(p *Report) { p.Letters += len(letters) })
	return r.Store.Remove(ctx, letters)
}

// join makes letters members of a group.
func (r *round) join(ctx context.Context, t Target, letters []Letter) error {
	keys := make([]string, len(letters))
	for i, l := range letters {
		keys[i] = l.Key
	}
	for n := 1; n <= tries; n++ {
		g, known, err := r.Store.Load(ctx, t.Group, keys)
		if err != nil {
			return err
		}
		c, ok := g.take(letters, known, t, r.Routes.Route(t.Route), r.Now())
		if !ok {
			return nil
		}
		// Armed anew for each try: whoever settles the group meanwhile sees it.
		if err := r.Store.Arm(ctx, t.Group); err != nil {
			return err
		}
		if err := r.Store.Commit(ctx, c); err == nil || !again(err) {
			return err
		}
		r.Pause(ctx, n)
	}
	return busy(t.Group)
}

func busy(group string) error {
	return fmt.Errorf("group %s: others changed it each time, %d times", group, tries)
}
