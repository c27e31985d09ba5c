package routing_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/routing"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// [3] [10]
func TestASilenceMatchesAsARouteDoes(t *testing.T) {
	a := decide.Alert{
		Kind: decide.AlertExecution, Severity: decide.SeverityError, CommandName: "backup-db", InstanceID: "i-web-1", Region: "cn-hangzhou",
		Tags: map[string]string{"role": "db"}, Labels: map[string]string{"nightly": "nightly"},
	}
	for name, c := range map[string]struct {
		match routing.Match
		fits  bool
	}{
		"a pattern":            {routing.Match{Command: []string{"backup-*"}}, true},
		"one of two":           {routing.Match{Severity: []string{"critical", "error"}}, true},
		"an instance":          {routing.Match{Instance: []string{"i-web-?"}}, true},
		"another instance":     {routing.Match{Instance: []string{"i-db-*"}}, false},
		"all keys":             {routing.Match{Tags: map[string][]string{"role": {"db"}}, Labels: map[string][]string{"nightly": {"*"}}, Region: []string{"cn-*"}}, true},
		"all keys but one":     {routing.Match{Tags: map[string][]string{"role": {"db"}}, Kind: []string{"flow"}}, false},
		"what the alert lacks": {routing.Match{Flow: []string{"*"}}, false},
	} {
		s := routing.Silence{ID: name, Match: &c.match}
		if got := s.Fits(a); got != c.fits || s.Dispatched().Fits(a) != c.fits {
			t.Errorf("%s fits: %t, want %t", name, got, c.fits)
		}
	}
	if ack := (routing.Silence{Alert: "g", Flush: 3}); ack.Fits(a) || ack.Dispatched().Fits != nil || ack.Dispatched().Group != "g" {
		t.Errorf("an acknowledgement is %+v", ack.Dispatched())
	}
}

// [10] [11]
func TestASilenceSaysWhatItSilencesWhyAndForHowLong(t *testing.T) {
	command := &routing.Match{Command: []string{"backup-*"}}
	end := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		s    routing.Silence
		want string // the beginning of each mistake, one on each line
	}{
		"a good one":                {routing.Silence{Match: command, Reason: "moved", Until: end}, ""},
		"an acknowledgement":        {routing.Silence{Alert: "g"}, ""},
		"one of everything":         {routing.Silence{Match: &routing.Match{}, Reason: "moved", Until: end}, "it would silence everything"},
		"one without a match":       {routing.Silence{Reason: "moved", Until: end}, "it would silence everything"},
		"no reason":                 {routing.Silence{Match: command, Reason: " ", Until: end}, "the reason is missing"},
		"no end":                    {routing.Silence{Match: command, Reason: "moved"}, "its end is missing"},
		"an end that is over":       {routing.Silence{Match: command, Reason: "moved", Until: noon}, "its end is over"},
		"an end that is far away":   {routing.Silence{Match: command, Reason: "moved", Until: noon.Add(91 * 24 * time.Hour)}, "it may hold for 90 days"},
		"an empty pattern":          {routing.Silence{Match: &routing.Match{Flow: []string{""}}, Reason: "moved", Until: end}, "flow is empty"},
		"an unknown severity":       {routing.Silence{Match: &routing.Match{Severity: []string{"eror"}}, Reason: "moved", Until: end}, `there is no severity "eror", did you mean "error"?`},
		"an unknown kind":           {routing.Silence{Match: &routing.Match{Kind: []string{"xyzzy"}}, Reason: "moved", Until: end}, `there is no kind "xyzzy": they are `},
		"an acknowledgement's end":  {routing.Silence{Alert: "g", Until: end}, "an acknowledgement ends with the recovery"},
		"an acknowledgement's keys": {routing.Silence{Alert: "g", Match: command}, "an alert's id stands alone"},
		"several mistakes":          {routing.Silence{Match: &routing.Match{}}, "it would silence everything\nthe reason is missing\nits end is missing"},
	} {
		got := c.s.Mistakes(noon)
		want := strings.Split(c.want, "\n")
		if c.want == "" {
			want = nil
		}
		if len(got) != len(want) {
			t.Errorf("%s: %q, want %q", name, got, want)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], want[i])
			}
		}
	}
	s := routing.Silence{Match: &routing.Match{Severity: []string{"warning", "info"}, Tags: map[string][]string{"role": {"db"}}}}
	if got := s.String(); got != "severity warning or info, tags.role db" {
		t.Errorf("it is %q", got)
	}
}
