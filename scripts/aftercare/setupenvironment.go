package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
)

// deploymentVariable is one that s.yaml and 'aftercare setup' need.
type deploymentVariable struct{ name, what string }

func (v deploymentVariable) missing() string { return v.name + " is missing: " + v.what }

// named are those that name an account's parts, in the order in which they are shown.
var named = []deploymentVariable{
	{variableRegion, "the region, such as cn-hangzhou"},
	{variableAccount, "the account's id, a number that the console shows"},
	{variableInstance, "the name of a Tablestore instance, which you make in its console"},
	{variableProject, "a log project's name, which no other account has in the region; 'aftercare setup logs' makes it"},
	{variableLogstore, "a logstore's name; 'aftercare setup logs' makes it"},
}

// names are the account's parts of the environment.
func (e environment) names() setup.Names {
	return setup.Names{
		Region: e.get(variableRegion), Account: e.get(variableAccount), TablestoreName: e.get(variableInstance),
		Project: e.get(variableProject), Logstore: e.get(variableLogstore),
	}
}

func newSetupEnvironment(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "environment NAME",
		Short: "Write the file that --env NAME and 's deploy' read",
		Long: `The values are those of the file, then those of the shell, which may not say
something else than the file: it may be of another deployment. What is left has
a value of its own: the Tablestore instance's public address, the log project
aftercare-ACCOUNT-REGION, the logstore functions, and the bus aftercare-dead for
dead letters. All that is missing is named at once. The file holds no secret;
'set -a; . ~/.config/aftercare/NAME.env' gives it to 's deploy'.

The exit code of --plan is 6 if something would change.`,
		Example: `  aftercare setup environment prod
  aftercare setup environment prod --dead-letters bus`,
		Args: cli.Args("NAME"),
	}
	letters := cmd.Flags().String("dead-letters", "", "where dead letters go: bus, or a queue's `ARN` (default: as the file says, or bus)")
	plan := planFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, folder := args[0], environmentFolder(getenv)
		path := filepath.Join(folder, name+".env")
		old := map[string]string{}
		if _, err := os.Stat(path); err == nil || !environmentName.MatchString(name) {
			e, err := openEnvironment(name, getenv)
			if err != nil {
				return cli.Usage(err)
			}
			for _, v := range environmentVariables {
				old[v] = e.get(v)
			}
			if err := shellReads(path); err != nil {
				return cli.Usage(err)
			}
		}
		values, err := environmentOf(old, getenv, *letters)
		if err != nil {
			return cli.Usage(err)
		}
		changes := 0
		for _, v := range environmentVariables {
			if values[v] != old[v] {
				changes++
				point(cmd, wouldOr(*plan, "set"), v+"="+values[v])
			}
		}
		switch {
		case changes == 0:
			fmt.Fprintf(cmd.OutOrStdout(), "%s is as it should be\n", path)
			return nil
		case *plan:
			return differs(changes, "setup environment "+name)
		}
		return writeEnvironment(path, values)
	}
	return cmd
}

// plain is a value that a shell and readEnvironment read alike.
var plain = regexp.MustCompile(`^('[^']*'|"[^"$\\\x60]*"|[A-Za-z0-9_.,:/@%+=-]*)$`)

// shellReads names the line of an environment's file that a shell would read
// differently, or run.
func shellReads(path string) error {
	text, err := os.ReadFile(path)
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if _, value, _ := strings.Cut(line, "="); !strings.HasPrefix(line, "#") && !plain.MatchString(value) {
			return fmt.Errorf("%s: a shell would read line %d otherwise: put its value into single quotes", path, n+1)
		}
	}
	return err
}

// wouldOr is the word for a change that is made, or would be.
func wouldOr(plan bool, word string) string {
	if plan {
		return "would " + word
	}
	return word
}

// environmentOf completes what the shell and the file say. Its error names all that is
// missing.
func environmentOf(old map[string]string, getenv func(string) string, letters string) (map[string]string, error) {
	values := map[string]string{}
	var mistakes []error
	for _, v := range environmentVariables {
		shell := strings.TrimSpace(getenv(v))
		values[v] = cmp.Or(old[v], shell)
		if shell != "" && values[v] != shell { // it may be that of another deployment
			mistakes = append(mistakes, fmt.Errorf("%s is %s in the shell, and %s in the environment's file: unset it, or\ncorrect the file", v, shell, old[v]))
		}
	}
	region, account, instance := values[variableRegion], values[variableAccount], values[variableInstance]
	initial := map[string]string{variableLogstore: "functions"}
	if instance != "" && region != "" {
		initial[variableEndpoint] = tablestoreAddress(instance, region)
	}
	if account != "" && region != "" {
		initial[variableProject] = "aftercare-" + account + "-" + region
		initial[variableDeadLettersTo] = subscription.Site{Region: region, Account: account}.DeadLetterARN()
	}
	for name, value := range initial {
		values[name] = cmp.Or(values[name], value)
	}
	switch {
	case letters == "bus":
		values[variableDeadLettersTo] = initial[variableDeadLettersTo]
	case letters != "" && !subscription.IsDeadLetters(letters):
		mistakes = append(mistakes, errors.New("--dead-letters is neither bus nor the ARN of a queue, such as\nacs:mns:REGION:ACCOUNT:/queues/NAME"))
	case letters != "":
		values[variableDeadLettersTo] = letters
	}
	for _, v := range named {
		if values[v.name] == "" {
			mistakes = append(mistakes, errors.New(v.missing()))
		}
	}
	return values, errors.Join(mistakes...)
}

// writeEnvironment writes a file that readEnvironment reads, completely or not at all.
func writeEnvironment(path string, values map[string]string) error {
	lines := []string{"# Written by 'aftercare setup environment'. It must hold no secret."}
	for _, v := range environmentVariables {
		if values[v] != "" {
			lines = append(lines, v+"='"+values[v]+"'")
		}
	}
	text := strings.Join(lines, "\n") + "\n"
	if _, err := readEnvironment(text); err != nil || slices.ContainsFunc(lines[1:], func(line string) bool { return strings.Count(line, "'") != 2 }) {
		return cli.Usage(fmt.Errorf("the values cannot be written: %w", cmp.Or(err, errors.New("one has a quote"))))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the environment: %w", err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the environment: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return errors.Join(fmt.Errorf("write the environment: %w", err), os.Remove(draft))
	}
	return nil
}
