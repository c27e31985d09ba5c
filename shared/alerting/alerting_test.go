package alerting_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/alerting"
)

// TestWrongChannelsStopTheFunctionAtItsStart, and no message repeats a value.
func TestWrongChannelsStopTheFunctionAtItsStart(t *testing.T) {
	const secret = "Pa55word"
	const ops = "version: 1\nchannels: {ops: {kind: slack, url: '${env:OPS_URL}'}}\ndefaults: {channels: ops}\n"
	for name, c := range map[string]struct{ file, url, want string }{
		"a mistake in the file":      {strings.Replace(ops, "slack", "slak", 1), "https://hook.test/" + secret, "AFTERCARE_ALERTS: "},
		"a variable that is not set": {ops, "", "the channels of alerts: "},
		"an address that is no URL":  {ops, "http://hook.test/" + secret, "channel ops: url: "},
		"a file that is good":        {ops, "https://hook.test/" + secret, ""},
		"no file":                    {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "alerts.yaml")
			if c.file != "" {
				if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := alerting.New("alerts", []string{
				"AFTERCARE_TABLESTORE_ENDPOINT=https://mine.cn-hangzhou.ots.aliyuncs.com", "AFTERCARE_TABLESTORE_INSTANCE=mine",
				"AFTERCARE_ALERTS=" + file, "OPS_URL=" + c.url,
			}, io.Discard)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) || strings.Contains(got, secret) {
				t.Errorf("got %q, want %q and no value", got, c.want)
			}
		})
	}
}
