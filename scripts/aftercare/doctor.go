package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/credential"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/alertfile"
	"aftercare/shared/flowfile"
	"aftercare/shared/ledger"
)

// finding is what a check found.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	// Unsure: it could not be checked. Nothing is known to be wrong, so it is OK.
	Unsure bool   `json:"unsure,omitempty"`
	What   string `json:"what"`
	// Do says how to mend it.
	Do string `json:"do,omitempty"`
}

func well(what string) finding      { return finding{OK: true, What: what} }
func wrong(what, do string) finding { return finding{What: what, Do: do} }
func unsure(what, do string) finding {
	return finding{OK: true, Unsure: true, What: what, Do: do}
}

// doctor prints what checks find, as they end.
type doctor struct {
	cmd   *cobra.Command
	clock clock
	list  *jsonList // nil to print for people
	wrong int
	all   int
}

// flowsFile is where the flows are, seen from the top of the repository.
const flowsFile = "functions/flows.yaml"

func newDoctor(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what Aftercare needs, and say how to mend it",
		Long: `It checks the access key and its rights, the tables, the functions, the rules
that bring events to them, the clock, the sweeps, the channels of alerts, the
agents, dead letters, what events report, and the files of flows and alerts.
What it could not check is "unsure", which is no failure. It changes nothing:
the function is asked to resume a flow that does not exist, which it refuses.`,
		Example: `  aftercare doctor --env prod
  aftercare doctor -o json`,
		Args: cli.Args(),
	}
	s, format := siteFlags(cmd, getenv), outputFlag(cmd)
	ttl := ttlFlag(cmd)
	file := cmd.Flags().String("flows", flowsFile, "check this `file`; without the flag, only if it exists")
	alerts := cmd.Flags().String("alerts", alertsFile, "check this `file`; without the flag, only if it exists")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		life, err := ttl()
		if err != nil {
			return err
		}
		d := &doctor{cmd: cmd, clock: clockOf(cmd)}
		if format.json() {
			d.list = &jsonList{w: cmd.OutOrStdout()}
		}
		if err := d.site(cmd.Context(), s, life); err != nil {
			return err
		}
		err = d.file("flows", *file, cmd.Flags().Changed("flows"), func(src []byte) (string, error) {
			flows, err := flowfile.ReadIn(folderOf(*file), *file, src)
			return counted(len(flows), "flow"), err
		})
		if err != nil {
			return err
		}
		err = d.file("alerts", *alerts, cmd.Flags().Changed("alerts"), func(src []byte) (string, error) {
			f, err := alertfile.Read(*alerts, src)
			if err != nil {
				return "", err
			}
			return alertsIn(f), nil
		})
		if err != nil {
			return err
		}
		if d.list != nil {
			err = d.list.end()
		}
		if err == nil && d.wrong > 0 {
			err = fmt.Errorf("%d of %s found something wrong", d.wrong, counted(d.all, "check"))
		}
		return err
	}
	return cmd
}

// check prints what a check finds.
func (d *doctor) check(name string, find func() []finding) error {
	end := waiting(d.cmd, "checking the "+name)
	found := find()
	end()
	d.all++
	failed := false
	for _, f := range found {
		f.Check = name
		failed = failed || !f.OK
		if err := d.print(f); err != nil {
			return err
		}
	}
	if failed {
		d.wrong++
	}
	return nil
}

// indent is where the texts of findings begin, and textWidth how wide they are, so
// that they fit 80 columns whole.
const indent, textWidth = 18, 62

func (d *doctor) print(f finding) error {
	if d.list != nil {
		return d.list.add(f)
	}
	state := "ok"
	switch {
	case f.Unsure:
		state = "unsure"
	case !f.OK:
		state = "wrong"
	}
	lines := screen.Wrapped(screen.Plain(f.What), textWidth)
	if f.Do != "" {
		lines = append(lines, screen.Wrapped(screen.Plain(f.Do), textWidth)...)
	}
	_, err := fmt.Fprintf(d.cmd.OutOrStdout(), "%-6s %-10s %s\n", state, f.Check, strings.Join(lines, "\n"+strings.Repeat(" ", indent)))
	return err
}

// site checks a deployment.
func (d *doctor) site(ctx context.Context, s *site, life time.Duration) error {
	needs := ofTables
	lacks := map[service]error{}
	for _, service := range []service{ofFunctions, ofECS, ofEvents} {
		if err := s.lacks(service); err != nil {
			lacks[service] = err
		} else {
			needs |= service
		}
	}
	connected := false
	err := s.connect(ctx, needs, func(ctx context.Context, c *connection) error {
		connected = true
		key := func() []finding { return []finding{well("of " + c.key + ", for " + c.environment.String())} }
		if err := d.check("key", key); err != nil {
			return err
		}
		return d.connected(ctx, c, lacks, life)
	})
	if !connected && (errors.Is(err, credential.ErrNone) || !errors.As(err, new(cli.UsageError))) {
		return d.check("key", func() []finding { return []finding{wrong(err.Error(), "")} })
	}
	return err
}

// connected checks what needs the services.
func (d *doctor) connected(ctx context.Context, c *connection, lacks map[service]error, life time.Duration) error {
	readable := true
	for _, check := range []struct {
		name  string
		reads bool // the tables, which may be what is wrong
		find  func() []finding
	}{
		{"tables", false, func() []finding { return tablesFound(ctx, c.ledger, life) }},
		{"lists", false, func() []finding {
			found := listsFound(ctx, c.ledger)
			readable = found[0].OK
			return found
		}},
		{"functions", false, func() []finding { return functionFound(ctx, c, lacks[ofFunctions]) }},
		{"ECS", false, func() []finding { return ecsFound(ctx, c, lacks[ofECS]) }},
		{"rules", false, func() []finding { return rulesFound(ctx, c, lacks[ofEvents]) }},
		{"clock", false, func() []finding { return clockFound(c.answers.ahead()) }},
		{"sweeps", true, func() []finding { return sweepsFound(ctx, c.ledger, d.clock) }},
		{"channels", true, func() []finding { return alertsFound(ctx, c.ledger, d.clock) }},
		{"agents", true, func() []finding { return agentsFound(ctx, c.ledger) }},
		{"letters", true, func() []finding { return lettersFound(ctx, c.ledger) }},
		{"events", true, func() []finding { return eventsFound(ctx, c.ledger, d.clock.now) }},
	} {
		if check.reads && !readable {
			continue
		}
		if err := d.check(check.name, check.find); err != nil {
			return err
		}
	}
	return nil
}

// broken is the finding of a call that failed.
func broken(err error) []finding {
	return []finding{wrong(err.Error(), hint(err))}
}

func tablesFound(ctx context.Context, l *ledger.Ledger, life time.Duration) (found []finding) {
	err := l.CheckTables(ctx, life)
	all := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		all = several.Unwrap()
	}
	for _, err := range all {
		if err != nil {
			found = append(found, wrong(err.Error(), hint(err)))
		}
	}
	if found == nil {
		return []finding{well("all tables and their lists are as they should be")}
	}
	return found
}

// file checks a file that people write, if it is wanted or there. Name is also
// the flag that names it, and the command that shows its mistakes; read returns
// what it holds, in words.
func (d *doctor) file(name, path string, wanted bool, read func(src []byte) (holds string, err error)) error {
	src, err := os.ReadFile(path)
	if !wanted && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return d.check(name, func() []finding {
		if err != nil {
			return []finding{wrong(err.Error(), "Name the file with --"+name+".")}
		}
		holds, err := read(src)
		if err != nil {
			return []finding{wrong(path+" has mistakes", "'aftercare "+name+" validate "+path+"' shows them.")}
		}
		return []finding{well(path + ": " + holds + ", no mistakes")}
	})
}
