package assistant_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// invocation is an item of a list: a command that was sent so long before noon, and
// what it says of each of its instances.
func invocation(id string, sent time.Duration, instances ...string) string {
	return fmt.Sprintf(`{"InvokeId":%q,"CommandName":"of-others","CreationTime":%q,"RepeatMode":"Once","InvokeInstances":{"InvokeInstance":[%s]}}`,
		id, noon.Add(-sent).Format(time.RFC3339), strings.Join(instances, ","))
}

// run says that a command finished so long before noon.
func run(instance, status string, finished time.Duration) string {
	return fmt.Sprintf(`{"InstanceId":%q,"InvocationStatus":%q,"FinishTime":%q,"ExitCode":0}`, instance, status, noon.Add(-finished).Format(time.RFC3339))
}

const hour = time.Hour

func TestEndsAreThoseOfTheTime(t *testing.T) {
	aborted := `{"InstanceId":"i-2","InvocationStatus":"Aborted","FinishTime":""}`
	waits := strings.Replace(invocation("t-each-boot", 90*24*hour, `{"InstanceId":"i-1","InvocationStatus":"Scheduled","FinishTime":""}`), "Once", "EveryReboot", 1)
	next := strings.Replace(invocation("t-next-boot", 40*hour, run("i-1", "Success", hour/2)), "Once", "NextRebootOnly", 1)
	for _, c := range []struct {
		name     string
		list     []string // the pages
		repeated []string // what the modes of repetition list
		want     []string
		again    int
		pages    int
	}{
		{"of one command on several instances, but not those that run", []string{
			invocation("t-1", hour, run("i-1", "Success", hour/2), run("i-2", "Timeout", hour/2), run("i-3", "Running", 0), run("i-4", "Failed", 3*hour), run("i-5", "Failed", -hour)),
		}, nil, []string{"i-1/t-1/once Success", "i-2/t-1/once Timeout"}, 0, 1},
		{"without a time of the end, those that were sent in that time", []string{
			invocation("t-1", hour, aborted) + "," + invocation("t-2", 3*hour, aborted),
		}, nil, []string{"i-2/t-1/once Aborted"}, 0, 1},
		{"all of a list that begins with the oldest", []string{
			invocation("t-1", 60*hour, run("i-1", "Success", 59*hour)), invocation("t-2", hour, run("i-1", "Success", hour)),
		}, nil, []string{"i-1/t-2/once Success"}, 0, 2},
		{"all of a list in disorder", []string{
			invocation("t-1", 2*hour, run("i-1", "Success", hour)) + "," + invocation("t-2", hour, run("i-1", "Success", hour)),
			invocation("t-3", 60*hour, run("i-1", "Success", 59*hour)), invocation("t-4", hour, run("i-2", "Success", hour)),
		}, nil, []string{"i-1/t-1/once Success", "i-1/t-2/once Success", "i-2/t-4/once Success"}, 0, 3},
		{"no more of a list that begins with the newest than can hold some, and the repeated ones", []string{
			invocation("t-1", hour, run("i-1", "Success", hour)),
			invocation("t-2", 26*hour, run("i-1", "Success", 90*time.Minute)), invocation("t-3", 60*hour, run("i-1", "Success", 59*hour)), "never read",
		}, []string{next + "," + waits}, []string{"i-1/t-1/once Success", "i-1/t-2/once Success", "i-1/t-next-boot/once Success"}, 1, 3 + 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ int, r seen) {
				pages := c.list
				if mode := r.all.Get("RepeatMode"); mode != "" {
					pages = []string{""}
					if mode == "NextRebootOnly" {
						pages = c.repeated
					}
				}
				n := 0
				_, _ = fmt.Sscan(r.all.Get("NextToken"), &n)
				token := ""
				if n+1 < len(pages) {
					token = fmt.Sprint(n + 1)
				}
				fmt.Fprintf(w, `{"NextToken":%q,"Invocations":{"Invocation":[%s]}}`, token, pages[n])
			})
			var got []string
			cl := client(t, assistant.Config{Region: "cn-test", Endpoint: s.URL, Sleep: noWait})
			again, err := cl.Ends(t.Context(), noon.Add(-2*hour), noon, func(e event.TaskCompleted) { got = append(got, e.Key()+" "+string(e.Status)) })
			if err != nil || again != c.again || !slices.Equal(got, c.want) || len(s.seen()) != c.pages {
				t.Errorf("Ends() = %d, %v after %d pages: %q, want %d after %d: %q", again, err, len(s.seen()), got, c.again, c.pages, c.want)
			}
		})
	}
}

// TestEndsOfAListThatBreaksOff are those that were read, and an error.
func TestEndsOfAListThatBreaksOff(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, n int, _ seen) {
		if n > 1 {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"Code":"Forbidden.RAM"}`)
			return
		}
		fmt.Fprintf(w, `{"NextToken":"more","Invocations":{"Invocation":[%s]}}`, invocation("t-1", hour, run("i-1", "Success", hour/2)))
	})
	cl := client(t, assistant.Config{Region: "cn-test", Endpoint: s.URL, Sleep: noWait})
	n := 0
	_, err := cl.Ends(t.Context(), noon.Add(-2*hour), noon, func(event.TaskCompleted) { n++ })
	if !errors.Is(err, engine.ErrDenied) || n != 1 {
		t.Errorf("got %d ends and %v", n, err)
	}
}

// TestLocalECSListsEnds asks the local ECS, which lists the newest first.
func TestLocalECSListsEnds(t *testing.T) {
	_, c := booted(t, nil)
	begun := time.Now().Add(-time.Second)
	send := runSend()
	send.Command.Run.Content = "exit 3"
	id, err := c.Send(soon(t), send)
	if err != nil {
		t.Fatal(err)
	}
	var got []event.TaskCompleted
	eventually(t, "the command ended", func() bool {
		got = nil
		_, err := c.Ends(soon(t), begun.Truncate(time.Second), time.Now().Add(time.Minute), func(e event.TaskCompleted) { got = append(got, e) })
		return err == nil && len(got) > 0
	})
	e := got[0]
	if len(got) != 1 || e.InvokeID != id || e.InstanceID != instance || e.Status != event.StatusFailed || *e.ExitCode != 3 || e.ErrorCode != "ExitCodeNonzero" || e.StartTime.IsZero() {
		t.Errorf("got %+v", got)
	}
}
