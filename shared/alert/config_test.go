package alert_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/alert"
	"aftercare/shared/transport"
)

func TestWrongSettingsAreNamedAllAtOnceAndNeverQuoted(t *testing.T) {
	const onlyHTTPS = " must begin with https:// (http:// only for a loopback address)"
	cases := []struct {
		name                              string
		dingTalk, key, webhook, signature string
		want                              []string
	}{
		{name: "nothing is configured"},
		{name: "https", dingTalk: "https://robot.test/send?access_token=HUSH", key: "HUSH", webhook: "https://hook.test/HUSH", signature: "HUSH"},
		{name: "http to loopback", dingTalk: "http://127.0.0.1:99/HUSH", webhook: "http://[::1]/HUSH"},
		{name: "http to elsewhere", dingTalk: "http://robot.test/HUSH", webhook: "http://127.0.0.1.test/HUSH",
			want: []string{"DingTalkURL" + onlyHTTPS, "WebhookURL" + onlyHTTPS}},
		{name: "keys without channels", key: "HUSH", signature: "HUSH",
			want: []string{"DingTalkSecret is set, but DingTalkURL is not", "WebhookSecret is set, but WebhookURL is not"}},
		{name: "keys as they come from files", dingTalk: "https://robot.test", key: "HUSH\n", webhook: "https://hook.test", signature: " HUSH",
			want: []string{"DingTalkSecret begins or ends with white space", "WebhookSecret begins or ends with white space"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := alert.Config{
				DingTalkURL: transport.NewSecret(c.dingTalk), DingTalkSecret: transport.NewSecret(c.key),
				WebhookURL: transport.NewSecret(c.webhook), WebhookSecret: transport.NewSecret(c.signature),
			}
			var got []string
			for _, f := range cfg.Mistakes() {
				got = append(got, f.Error())
			}
			if diff := cmp.Diff(got, c.want); diff != "" {
				t.Errorf("got (-) differs from want (+):\n%s", diff)
			}
			channels, err := alert.New(cfg, nil, nil)
			if (err != nil) != (c.want != nil) || (channels == nil) != (c.want != nil) {
				t.Fatalf("got %v, %v", channels, err)
			}
			if err != nil && (err.Error() != strings.Join(c.want, "\n") || strings.Contains(err.Error(), "HUSH")) {
				t.Errorf("got error %q", err)
			}
		})
	}
}
