package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"aftercare/shared/alerting"
	"aftercare/shared/handler"
	"aftercare/tests/bench/budget"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/rig"
)

const (
	// stormLasts is how long a storm of failures is looked at, and mostMessages the
	// most that a channel gets in that time.
	stormLasts   = 10 * time.Minute
	mostMessages = 5
	deliverers   = 8
)

// channels are those of a storm of failures. The first takes 20 messages a minute.
var channels = []string{"dingtalk", "webhook"}

// measureFailures has the command of every instance fail at once, and counts what
// people get in ten minutes of a clock that is moved on. It is an error if a channel
// gets too many messages, or if their counts are not exact.
func (r *results) measureFailures() (err error) {
	return onWorkbench("storm of failures", func(w *workbench) error {
		clock := rig.New(w, rig.Options{Settings: func(s *handler.Settings) {
			s.Alerts.Start, s.Alerts.File = 0, ""
		}})
		box, err := inbox.Start(inbox.Options{Now: clock.Now})
		if err != nil {
			return err
		}
		defer box.Close()
		round, err := alerting.NewWith("alerts", clock.Settings, []string{
			"AFTERCARE_DINGTALK_URL=" + box.URL("dingtalk"), "AFTERCARE_WEBHOOK_URL=" + box.URL("webhook"),
		}, clock.Log, clock.Now)
		if err != nil {
			return err
		}
		begun := clock.Now()
		if err := failAll(clock, round, r.instances); err != nil {
			return err
		}
		for clock.Now().Sub(begun) < stormLasts {
			clock.Advance(time.Minute)
			if err := minute(clock, round); err != nil {
				return err
			}
		}
		return r.noteFailures(box, begun)
	})
}

// failAll delivers a failure for each instance. The functions with a timer come each
// minute meanwhile.
func failAll(r *rig.Rig, round handler.Handler, instances int) error {
	next := make(chan int)
	broken := make(chan error, deliverers)
	var working sync.WaitGroup
	for range deliverers {
		p := r.Another()
		working.Go(func() {
			for n := range next {
				_, err := p.TaskCompleted(budget.End(budget.Ended{
					Instance: instanceOf(n), Invoke: fmt.Sprint("t-storm", n), Name: "check", Status: "Failed", Code: "ExitCodeNonzero", Exit: "3",
				}))
				if err != nil {
					broken <- err
					return
				}
			}
		})
	}
	came := r.Now()
	var err error
	for n := 0; n < instances && err == nil; n++ {
		select {
		case next <- n:
		case err = <-broken:
		}
		if r.Now().Sub(came) > time.Minute && err == nil {
			came = r.Now()
			err = minute(r, round)
			fmt.Fprintf(os.Stderr, "  %d failures\n", n+1)
		}
	}
	close(next)
	working.Wait()
	select {
	case late := <-broken:
		err = errors.Join(err, late)
	default:
	}
	return err
}

// minute is what the timers do each minute.
func minute(r *rig.Rig, round handler.Handler) error {
	_, err := r.Sweep()
	ctx, cancel := r.Context()
	defer cancel()
	_, failed := round(ctx, []byte(`{}`))
	return errors.Join(err, failed)
}

// noteFailures counts the messages to each channel, and adds up what they say.
func (r *results) noteFailures(box *inbox.Server, begun time.Time) error {
	name := fmt.Sprintf("storm of failures on %d instances", r.instances)
	var wrong []error
	for _, channel := range channels {
		messages, sum := 0, 0
		seen := map[string]bool{}
		for _, m := range box.Messages() {
			if m.Channel != channel || m.At.Sub(begun) > stormLasts {
				continue
			}
			messages++
			if m.ID == "" || !seen[m.ID] {
				sum += firing(m.Body)
			}
			seen[m.ID] = true
		}
		r.note(name, "messages to "+channel+" in "+stormLasts.String(), float64(messages), "%.0f", atMost(mostMessages), "")
		r.note(name, "failures that these count", float64(sum), "%.0f", goal{}, "")
		if messages > mostMessages || sum != r.instances {
			wrong = append(wrong, fmt.Errorf("%s got %d messages about %d failures, want at most %d about %d", channel, messages, sum, mostMessages, r.instances))
		}
	}
	return errors.Join(wrong...)
}

var counted = regexp.MustCompile(`(\d+) firing`)

// firing is how many failures a message counts.
func firing(body []byte) int {
	var hook struct {
		Data struct {
			Firing int `json:"firing"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &hook) == nil && hook.Data.Firing > 0 {
		return hook.Data.Firing
	}
	if found := counted.FindSubmatch(body); found != nil {
		n, _ := strconv.Atoi(string(found[1]))
		return n
	}
	return 1 // a message about one has no count
}
