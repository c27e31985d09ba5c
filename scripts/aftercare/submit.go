package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/engine"
)

// maxDocument is how many instances one document may name.
const maxDocument = 1000

// submitFlags are the flags of a document. scripts/README.md describes its keys.
type submitFlags struct {
	*targets
	file, run, kind, commandID, name string
	priority                         int
	notBefore, expiresIn, spread     string
	timeout, by, reason, key         string
	labels, parameters               []string
	dryRun                           bool
}

func newSubmit(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "submit -f FILE | --run SCRIPT | --command-id ID",
		Short: "Submit a command for instances, now or when they have booted",
		Example: `  aftercare submit --instance i-bp67acfmxazb4p --run 'df -h'
  aftercare submit --tag role=web --command-name clean --run - <clean.sh
  aftercare submit --instance-name 'web-*' --command-id c-hz01abc --spread 30m
  aftercare submit --tag role=web --run 'df -h' --dry-run >task.json
  aftercare submit -f task.json --reason "the disks are full"`,
		Long: `The function ` + submitFunction + ` takes the command. It runs at once on an
instance that takes commands; otherwise it waits for the first heartbeat. More
than one instance is asked about first. What is submitted again with the same
--dedupe-key is a duplicate, and does nothing.`,
		Args: cli.Args(),
	}
	s := actSite(cmd, getenv)
	f := &submitFlags{targets: targetFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "a `file` with a submission in JSON, - for the standard input")
	flags.StringVar(&f.run, "run", "", "the `script`, - for the standard input")
	kind := cli.Word(cmd, "type", "", "RunShellScript", "the `kind` of script: RunShellScript, RunBatScript or RunPowerShellScript", "RunShellScript", "RunBatScript", "RunPowerShellScript")
	flags.StringVar(&f.commandID, "command-id", "", "the `id` of a command that is saved in Cloud Assistant")
	flags.StringVar(&f.name, "command-name", "by-hand", "the `name` of the script for people and flows")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "a parameter `NAME=VALUE`, no secret; may be repeated")
	flags.StringVar(&f.timeout, "run-timeout", "", "how long the command may run, a `duration` such as 5m")
	flags.IntVar(&f.priority, "priority", 5, "0 to 9; a `number` that is higher is released first")
	flags.StringVar(&f.notBefore, "not-before", "", "not before this `time`: 2026-01-31T22:00:00+08:00, or 2h from now")
	flags.StringVar(&f.expiresIn, "expires-in", "", "how long it may wait, a `duration` such as 24h")
	flags.StringVar(&f.spread, "spread", "", "spread the instances over a `duration` such as 30m")
	flags.StringSliceVar(&f.labels, "label", nil, "a `word` by which to cancel or stop it; may be repeated")
	flags.StringVar(&f.key, "dedupe-key", "", "what makes it a duplicate when submitted again, a `text` (default: a new one)")
	actFlags(cmd, &f.by, &f.reason, &f.dryRun)
	yes := cli.YesFlag(cmd)
	format := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f.kind = *kind
		document, err := f.document(cmd)
		if err != nil {
			return err
		}
		return f.submit(cmd, s, document, *yes, *format)
	}
	return cmd
}

// submit submits a document for its instances, or prints what it would submit.
func (f *submitFlags) submit(cmd *cobra.Command, s *site, document map[string]any, yes bool, format string) error {
	needs := f.services()
	if !f.dryRun {
		needs |= ofFunctions
	}
	if document["select"] != nil {
		needs |= ofECS
	}
	return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
		documents, ids, err := f.documents(ctx, c, document)
		if err != nil {
			return err
		}
		if f.dryRun {
			fmt.Fprintf(cmd.ErrOrStderr(), "would submit it for %s\n", counted(len(ids), "instance"))
			for _, d := range documents {
				if _, err := cmd.OutOrStdout().Write(d); err != nil {
					return err
				}
			}
			return nil
		}
		c.announce(cmd)
		if len(ids) > 1 {
			what := fmt.Sprintf("It is submitted for %s, from %s to %s.", counted(len(ids), "instance"), ids[0], ids[len(ids)-1])
			if err := cli.Ask(cmd, yes, what); err != nil {
				return err
			}
		}
		return f.send(ctx, cmd, c, format, documents)
	})
}

// actFlags adds the flags of what people do: who, why, and only as a try.
func actFlags(cmd *cobra.Command, by, reason *string, dryRun *bool) {
	flags := cmd.Flags()
	flags.StringVar(by, "by", "", "the `name` of the person who does it (default the operating system's user)")
	flags.StringVar(reason, "reason", "", "why, in `words` for people")
	flags.BoolVar(dryRun, "dry-run", false, "print what would be done, and do nothing")
}

// document is the submission without its instances, from the flags or the file.
func (f *submitFlags) document(cmd *cobra.Command) (map[string]any, error) {
	ways := 0
	for _, way := range []string{f.file, f.run, f.commandID} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, cli.Usage(errors.New("one of --file, --run and --command-id is needed"))
	case f.file == "" && !f.given():
		return nil, cli.Usage(errors.New("--instance, --tag, --instance-name or --resource-group is missing"))
	}
	document := map[string]any{}
	if f.file != "" {
		var err error
		if document, err = readSubmission(cmd, f.file); err != nil {
			return nil, err
		}
	} else if err := f.command(cmd, document); err != nil {
		return nil, err
	}
	set := func(key, value string) {
		if value != "" {
			document[key] = value
		}
	}
	set("expiresIn", f.expiresIn)
	set("spread", f.spread)
	if f.notBefore != "" {
		at, err := time.Parse(time.RFC3339, f.notBefore)
		if wait, ago := time.ParseDuration(f.notBefore); err != nil && ago == nil && wait > 0 {
			at, err = time.Now().Add(wait), nil
		}
		if err != nil {
			return nil, cli.Usage(errors.New("--not-before must be a time such as 2026-01-31T22:00:00+08:00, or a duration such as 2h"))
		}
		document["notBefore"] = at.UTC().Format(time.RFC3339)
	}
	if cmd.Flags().Changed("priority") {
		document["priority"] = f.priority
	}
	if len(f.labels) > 0 {
		document["labels"] = f.labels
	}
	f.sign(document)
	return document, nil
}

// sign adds to a document who submits it, why, and what makes it a duplicate.
func (f *submitFlags) sign(document map[string]any) {
	if f.by != "" || document["submittedBy"] == nil {
		document["submittedBy"] = cmp.Or(f.by, systemUser())
	}
	if f.reason != "" {
		document["reason"] = f.reason
	}
	if f.key != "" || document["dedupeKey"] == nil {
		document["dedupeKey"] = cmp.Or(f.key, "by-hand/"+rand.Text())
	}
}

// readSubmission reads a submission from a file.
func readSubmission(cmd *cobra.Command, file string) (document map[string]any, err error) {
	text, err := readInput(cmd, file)
	if err != nil {
		return nil, fmt.Errorf("read the submission: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&document); err != nil || document == nil {
		return nil, fmt.Errorf("%s is not a JSON object", inputName(file))
	}
	return document, nil
}

// command puts the flags' command into a document.
func (f *submitFlags) command(cmd *cobra.Command, document map[string]any) error {
	command := map[string]any{}
	if f.timeout != "" {
		command["timeout"] = f.timeout
	}
	parameters := map[string]string{}
	for _, p := range f.parameters {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return cli.Usage(errors.New("--parameter must be NAME=VALUE"))
		}
		parameters[name] = value
	}
	if len(parameters) > 0 {
		command["parameters"] = parameters
	}
	if f.commandID != "" {
		command["commandId"] = f.commandID
		document["invoke"] = command
		return nil
	}
	script := f.run
	if script == "-" {
		text, err := io.ReadAll(cmd.InOrStdin())
		if err != nil {
			return fmt.Errorf("read the script: %w", err)
		}
		script = string(text)
	}
	command["name"], command["type"], command["content"] = f.name, f.kind, script
	document["run"] = command
	return nil
}

// documents adds the instances, at most 1,000 to each document. A file may name its
// own or select them, if no flag does: then the function selects, and ECS is asked
// here only how many they are.
func (f *submitFlags) documents(ctx context.Context, c *connection, document map[string]any) (documents [][]byte, ids []string, err error) {
	if f.given() {
		if ids, err = f.find(ctx, c); err != nil {
			return nil, nil, err
		}
		delete(document, "instanceId")
	} else if ids = instancesOf(document); document["select"] != nil {
		if ids, err = selectedBy(ctx, c, document["select"]); err != nil {
			return nil, nil, err
		}
	}
	chunks := slices.Collect(slices.Chunk(ids, maxDocument))
	if len(chunks) == 0 {
		chunks = [][]string{nil} // the function says what is missing
	}
	for _, chunk := range chunks {
		if f.given() || len(ids) > maxDocument {
			delete(document, "select")
			document["instanceIds"] = chunk
		}
		text, err := json.MarshalIndent(document, "", "  ")
		if err != nil {
			return nil, nil, err
		}
		documents = append(documents, append(text, '\n'))
	}
	return documents, ids, nil
}

// selectedBy are the instances that ECS finds for a document's select.
func selectedBy(ctx context.Context, c *connection, by any) ([]string, error) {
	text, err := json.Marshal(by)
	if err != nil {
		return nil, err
	}
	var sel engine.Selector
	if err := json.Unmarshal(text, &sel); err != nil || sel.IDs != nil || len(sel.Tags) == 0 && sel.Name == "" && sel.ResourceGroup == "" {
		return nil, cli.Usage(errors.New("select must have tags, name or resourceGroup"))
	}
	return selected(ctx, c, sel)
}

// instancesOf are the instances that a document names.
func instancesOf(document map[string]any) (ids []string) {
	if id, ok := document["instanceId"].(string); ok {
		ids = append(ids, id)
	}
	list, _ := document["instanceIds"].([]any)
	for _, id := range list {
		if id, ok := id.(string); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// send sends the documents one after another.
func (f *submitFlags) send(ctx context.Context, cmd *cobra.Command, c *connection, format string, documents [][]byte) error {
	var all []acted
	end := waiting(cmd, "asking "+submitFunction)
	for _, d := range documents {
		out, err := c.act(ctx, d)
		if err != nil {
			end()
			var key struct{ DedupeKey string }
			_ = json.Unmarshal(d, &key) // it was written above
			return fmt.Errorf("%w\nA part may be done. Submit the same again with --dedupe-key %s", err, key.DedupeKey)
		}
		for _, item := range out.Items {
			all = append(all, actedOf(item)...)
		}
	}
	end()
	return report(cmd, format, all)
}

// inputName is the name of a file for people.
func inputName(path string) string {
	if path == "-" {
		return "the standard input"
	}
	return path
}

// readInput reads a file, or the standard input for -.
func readInput(cmd *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(path)
}
