package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/alerting"
	"aftercare/shared/dispatch"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/routing"
)

// silenceFlags say what is silenced, and for how long.
type silenceFlags struct {
	match        routing.Match
	tags, labels []string
	alert        string
	length       string
	until        string
}

func newSilenceAdd(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Silence alerts for a time, or acknowledge one",
		Example: `  aftercare silence add --command 'backup-*' --for 2h --reason "a disk is moved"
  aftercare silence add --tag role=web --until 18:00 --reason "release 42"
  aftercare silence add --alert 4a63377c0d4de5af79a0e64b2fbc0ec5`,
		Long: `What all flags fit makes no message until the end; of several patterns of one
flag, one must fit. * stands for any text and ? for one character. Before it is
saved, it says how many alerts the silence would have hit within 24h. What is
still open at its end is told then; what has recovered by then is never told.

With --alert, an alert is acknowledged: what its messages told is not repeated
until it recovers. New alerts in it are still sent. The id is in each
message; the command there can be copied as it is.`,
		Args: cli.Args(),
	}
	s := actSite(cmd, getenv)
	f := &silenceFlags{}
	f.add(cmd)
	who := whoFlags(cmd)
	yes := cli.YesFlag(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		now := time.Now()
		want, err := f.silence(cmd, who, now)
		if err != nil {
			return cli.Usage(err)
		}
		needs := ofTables
		if !who.dryRun {
			needs |= ofFunctions
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			end := waiting(cmd, "counting alerts")
			hit, err := countHits(ctx, c.ledger, &want, now)
			end()
			if err != nil {
				return err
			}
			what := hit.words(clockOf(cmd), want)
			if who.dryRun {
				say(cmd.OutOrStdout(), "would be %s", what)
				return nil
			}
			c.announce(cmd)
			if want.Alert == "" { // what was seen may be acknowledged without a question
				if err := cli.Ask(cmd, *yes, "It will be "+what); err != nil {
					return err
				}
			}
			item, err := c.ask(ctx, cmd, alerting.Request{
				Silence:   &alerting.SilenceRequest{Match: want.Match, Until: want.Until, Alert: want.Alert},
				DedupeKey: "by-hand/" + rand.Text(), SubmittedBy: who.author(), Reason: want.Reason,
			})
			if err = cmp.Or(err, refusal(item)); err != nil {
				return err
			}
			return printSilenced(cmd, item, hit, format.json())
		})
	}
	return cmd
}

// add adds the flags.
func (f *silenceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	for _, p := range []struct {
		name, usage string
		to          *[]string
	}{
		{"severity", "alerts of this `word`: critical, error, warning or info", &f.match.Severity},
		{"kind", "alerts of this kind, a `word` such as execution", &f.match.Kind},
		{"flow", "alerts of flows whose name fits this `pattern`", &f.match.Flow},
		{"step", "alerts of steps whose id fits this `pattern`", &f.match.Step},
		{"command", "alerts of commands whose name fits this `pattern`", &f.match.Command},
		{"instance", "alerts of instances whose id fits this `pattern`", &f.match.Instance},
		{"region", "alerts of instances in a region that fits this `pattern`", &f.match.Region},
	} {
		flags.StringSliceVar(p.to, p.name, nil, p.usage)
	}
	flags.StringArrayVar(&f.tags, "tag", nil, "alerts of instances with this tag, as `KEY=PATTERN` or KEY")
	flags.StringArrayVar(&f.labels, "label", nil, "alerts of tasks with this label, a `word`")
	flags.StringVar(&f.alert, "alert", "", "acknowledge the alert with this `id`, which is in its messages")
	flags.StringVar(&f.length, "for", "", "how long it holds, a `time` such as 90m, 2h or 7d")
	flags.StringVar(&f.until, "until", "", "until when it holds, a `time` such as 18:00 or 2026-01-31")
}

// silence is the silence that the flags ask for, or their mistakes.
func (f *silenceFlags) silence(cmd *cobra.Command, w *who, now time.Time) (routing.Silence, error) {
	s := routing.Silence{By: w.author(), Reason: strings.TrimSpace(w.reason)}
	var mistakes []error
	given := cmd.Flags().Changed
	if given("alert") {
		if s.Alert = alertID(f.alert); s.Alert == "" {
			mistakes = append(mistakes, fmt.Errorf("--alert %q must be the id of an alert: the hex digits that its messages have", f.alert))
		}
	}
	m := f.match
	m.Tags, m.Labels = map[string][]string{}, map[string][]string{}
	for _, tag := range f.tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok {
			value = "*"
		}
		if key == "" {
			mistakes = append(mistakes, fmt.Errorf("--tag %q must be KEY=PATTERN or KEY", tag))
		}
		m.Tags[key] = append(m.Tags[key], value)
	}
	for _, label := range f.labels {
		m.Labels[label] = []string{"*"}
	}
	for _, name := range []string{"severity", "kind", "flow", "step", "command", "instance", "region", "tag", "label"} {
		if !given(name) {
			continue
		}
		s.Match = &m
		if list, err := cmd.Flags().GetStringSlice(name); err == nil && len(list) == 0 || name == "label" && slices.Contains(f.labels, "") {
			mistakes = append(mistakes, fmt.Errorf("--%s must not be empty", name)) // it may be a variable that was never set
		}
	}
	var err error
	if s.Until, err = f.end(cmd, now); err != nil {
		mistakes = append(mistakes, err)
	}
	if len(mistakes) == 0 {
		for _, what := range s.Mistakes(now) {
			mistakes = append(mistakes, errors.New(flagged(what)))
		}
	}
	return s, errors.Join(mistakes...)
}

// flagged is a mistake of a silence with the flags that mend it.
func flagged(mistake string) string {
	for begin, flags := range map[string]string{
		"the reason is missing": " (--reason)", "its end is missing": ": say --for or --until",
		"it would silence everything": " by --command, --flow, --tag, --instance and the like",
	} {
		if strings.HasPrefix(mistake, begin) {
			return mistake + flags
		}
	}
	return mistake
}

// end is when the silence ends; zero without a flag.
func (f *silenceFlags) end(cmd *cobra.Command, now time.Time) (time.Time, error) {
	length, until := cmd.Flags().Changed("for"), cmd.Flags().Changed("until")
	switch {
	case length && until:
		return time.Time{}, errors.New("say either --for or --until")
	case length:
		d, err := ago(f.length)
		if err != nil {
			return time.Time{}, fmt.Errorf("--for %q must be a time such as 90m, 2h or 7d", f.length)
		}
		return now.Add(d).Truncate(time.Second), nil
	case until:
		now = now.In(clockOf(cmd).zone)
		if _, err := ago(f.until); err == nil {
			return time.Time{}, errors.New("--until takes a time such as 18:00 or 2026-01-31; --for takes how long")
		}
		at, err := sinceOf(f.until, now)
		if err != nil {
			return time.Time{}, fmt.Errorf("--until %q must be a time such as 18:00, 2026-01-31 or 2026-01-31T18:00:00+08:00", f.until)
		}
		if _, err := time.Parse("15:04", f.until); err == nil && !at.After(now) {
			at = at.AddDate(0, 0, 1) // the next time that it is so late
		}
		return at, nil
	}
	return time.Time{}, nil
}

var (
	wholeAlert = regexp.MustCompile(`(?i)(^|[^0-9a-f])([0-9a-f]{32})([^0-9a-f]|$)`)
	partAlert  = regexp.MustCompile(`(?i)^[0-9a-f]{6,31}$`)
)

// alertID finds the id of an alert, or its beginning, in what people copy: with quotes,
// the whole command, invisible characters of a chat, or the number of the message. It is
// empty if there is none.
func alertID(text string) string {
	text = strings.Map(func(r rune) rune {
		if r > '~' {
			return -1
		}
		return r
	}, text)
	if found := wholeAlert.FindStringSubmatch(text); found != nil {
		return strings.ToLower(found[2])
	}
	if text = strings.Trim(text, " \t\n`'\".,:;<>()[]"); partAlert.MatchString(text) {
		return strings.ToLower(text)
	}
	return ""
}

// hitCount counts alerts.
type hitCount struct {
	// Hits are those of Of alerts that would have been silenced, Open those that are
	// open now.
	Hits int `json:"hits"`
	Of   int `json:"of"`
	Open int `json:"open"`
}

// countHits counts the alerts of the last 24 hours that a silence would have hit; of an
// acknowledgement, what is open. It completes the id of an alert.
func countHits(ctx context.Context, l *ledger.Ledger, s *routing.Silence, now time.Time) (n hitCount, err error) {
	all, hit, open, groups := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	err = l.EachMember(ctx, func(group string, m dispatch.Member) error {
		recent := m.Alert.At.After(now.Add(-lookBack))
		if s.Alert != "" {
			if strings.HasPrefix(group, s.Alert) {
				groups[group] = true
				if m.IsOpen() && m.Flush > 0 || m.Open {
					open[m.Key] = true
				}
			}
			return nil
		}
		if recent {
			all[m.Key] = true
			hit[m.Key] = hit[m.Key] || s.Fits(m.Alert)
		}
		if m.IsOpen() && s.Fits(m.Alert) {
			open[m.Key] = true
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	for _, hits := range hit {
		if hits {
			n.Hits++
		}
	}
	n.Of, n.Open = len(all), len(open)
	switch {
	case s.Alert == "":
	case len(groups) == 0:
		return n, cli.NotFound("no alert has the id %s", s.Alert)
	case len(groups) > 1:
		return n, cli.Usage(fmt.Errorf("%s is the beginning of the ids of %d alerts: give more of it", s.Alert, len(groups)))
	default:
		s.Alert = slices.Collect(maps.Keys(groups))[0]
	}
	return n, nil
}

// words say what will be silenced, and what that would have hit.
func (n hitCount) words(c clock, s routing.Silence) string {
	if s.Alert != "" {
		return fmt.Sprintf("acknowledged: alert %s, of which %d are open", s.Alert, n.Open)
	}
	return fmt.Sprintf("silenced until %s: %s. It would have hit %d of %s within 24h. Open now: %d.",
		c.moment(s.Until), screen.Plain(s.String()), n.Hits, counted(n.Of, "alert"), n.Open)
}

// printSilenced prints a silence that was saved.
func printSilenced(cmd *cobra.Command, item handler.Item, n hitCount, asJSON bool) error {
	var saved alerting.Silenced
	if err := json.Unmarshal(item.Detail, &saved); err != nil {
		return err
	}
	w, c := cmd.OutOrStdout(), clockOf(cmd)
	if asJSON {
		s := silencedOf(saved.Silence, saved.At)
		return printJSON(w, struct {
			silenced
			Would hitCount `json:"wouldHaveHit"`
		}{s, n})
	}
	if saved.Alert != "" {
		say(w, "acknowledged alert %s: %s of it will not be repeated until recovery", saved.Alert, counted(n.Open, "open alert"))
	} else {
		say(w, "silenced until %s: %s", c.moment(saved.Until), screen.Plain(saved.String()))
	}
	say(w, "'aftercare silence expire %s' ends it", brief(saved.ID))
	return nil
}
