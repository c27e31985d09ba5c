package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/tests/localcloud/cloud"
)

const (
	defaultData = ".local"
	// variableControl holds the address of the control surface.
	variableControl = "LOCALCLOUD_CONTROL"
	// variableLogProject and variableLogstore say where the functions log. Nothing
	// makes these: 'aftercare setup logs' does.
	variableLogProject = "LOG_PROJECT"
	variableLogstore   = "LOG_STORE"
)

// environmentPath is the file with the addresses of a running local cloud, in
// shell syntax, for other programs.
func environmentPath(data string) string { return filepath.Join(data, cloud.FileEnvironment) }

// writeEnvironment writes the file completely or not at all. The file holds the
// operator's key.
func writeEnvironment(data string, e cloud.Endpoints, set map[string]string) error {
	var b strings.Builder
	for _, v := range [][2]string{
		{"ALIBABA_CLOUD_ACCESS_KEY_ID", e.AccessKeyID},
		{"ALIBABA_CLOUD_ACCESS_KEY_SECRET", e.AccessKeySecret},
		{"ALIBABA_CLOUD_REGION_ID", e.Region},
		{"ALIBABA_CLOUD_ACCOUNT_ID", e.Account},
		{"AFTERCARE_TABLESTORE_ENDPOINT", e.Tablestore},
		{"AFTERCARE_TABLESTORE_INSTANCE", e.TablestoreInstance},
		{"AFTERCARE_ECS_ENDPOINT", e.ECS},
		{"AFTERCARE_FC_ENDPOINT", e.FunctionCompute},
		{"AFTERCARE_RAM_ENDPOINT", e.RAM},
		{"AFTERCARE_SLS_ENDPOINT", e.SLS},
		{"AFTERCARE_CMS_ENDPOINT", e.CloudMonitor},
		{"AFTERCARE_EVENTBRIDGE_ENDPOINT", e.EventBridge},
		{"DEAD_LETTER_ARN", ""}, // the bus, whatever the shell has
		{"LOCALCLOUD_EVENTBRIDGE", e.EventBridge},
		{"LOCALCLOUD_INBOX", e.Inbox},
		{variableLogProject, set[variableLogProject]},
		{variableLogstore, set[variableLogstore]},
		{variableControl, e.Control},
		{"AFTERCARE_ENV", ""}, // another environment than this one
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], quote(v[1]))
	}
	path := environmentPath(data)
	draft := path + ".new"
	if err := os.WriteFile(draft, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the environment: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return errors.Join(fmt.Errorf("write the environment: %w", err), os.Remove(draft))
	}
	return nil
}

// quote turns a text into one word for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// client finds the local cloud that runs on a data folder.
func client(data string) (*cloud.Client, error) {
	file, err := os.Open(environmentPath(data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no local cloud runs on the folder %s: start one with 'localcloud up', or name another with --data", data)
	}
	if err != nil {
		return nil, fmt.Errorf("find the local cloud: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "export "+variableControl+"="); ok {
			return &cloud.Client{URL: strings.Trim(value, "'")}, nil
		}
	}
	return nil, fmt.Errorf("%s does not say where the local cloud is: start it again", environmentPath(data))
}

// dataFlag adds the flag --data.
func dataFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("data", defaultData, "the local cloud's `folder`")
}

// reach explains an error of the client.
func reach(data string, err error) error {
	var refused *cloud.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("the local cloud of the folder %s does not answer (was it killed? start it with 'localcloud up'): %w", data, err)
}
