package mask_test

import (
	"fmt"
	"strings"
	"testing"

	"aftercare/shared/mask"
)

// token is a text of n characters that stands for a secret. None may be left.
func token(n int) string { return strings.Repeat("Hush", n/4+1)[:n] }

var secrets = map[string]string{
	"export A=LTAI" + token(16):                          "export A=LTAI[masked]",
	"id STS." + token(24) + ", then":                     "id STS.[masked], then",
	"token CAIS" + token(60) + "== end":                  "token [masked] end",
	"eyJ" + token(20) + "." + token(30) + "." + token(9): "[masked]",
	"AKIA" + strings.ToUpper(token(16)):                  "[masked]",
	"ghp_" + token(36):                                   "[masked]",
	"gho_" + token(36):                                   "[masked]",
	"github_pat_" + token(36):                            "[masked]",
	"sk-" + token(30):                                    "[masked]",
	"AUTHORIZATION: Hush":                                "AUTHORIZATION: [masked]",
	"COOKIE: sid=Hush":                                   "COOKIE: [masked]",
	"BASIC " + token(20):                                 "BASIC [masked]",
	"PASSWORD=Hush":                                      "PASSWORD=[masked]",
	"https://acme.webhook.office.com/webhookb2/Hush@Hush/IncomingWebhook/Hush": "https://acme.webhook.office.com/webhookb2/[masked]",
	"glpat-" + token(20):                       "[masked]",
	"xoxb-" + token(20):                        "[masked]",
	"password=Hush":                            "password=[masked]",
	"DB_PASSWORD='Hush Hush'":                  "DB_PASSWORD='[masked]'",
	`{"accessKeySecret": "Hush\"Hush", "a":1}`: `{"accessKeySecret": "[masked]", "a":1}`,
	`{\"token\":\"Hush\"}`:                     `{\"token\":\"[masked]\"}`,
	"spring.datasource.password: Hush":         "spring.datasource.password: [masked]",
	"api_key => \"Hush\"":                      "api_key => \"[masked]\"",
	"curl --token Hush --retry 3":              "curl --token [masked] --retry 3",
	"mysql -u root -pHush db":                  "mysql -u root -p[masked] db",
	"Authorization: Bearer Hush":               "Authorization: [masked]",
	"> authorization: ACS3-HMAC-SHA256 Credential=Hush,SignedHeaders=host,Signature=Hush\n> host: a": "> authorization: [masked]\n> host: a",
	`-H "Authorization: Basic Hush=="`:                                                 `-H "Authorization: [masked]"`,
	"got bearer " + token(20):                                                          "got bearer [masked]",
	"Set-Cookie: sid=Hush; Path=/":                                                     "Set-Cookie: [masked]",
	"redis://:Hush@10.0.0.1:6379/0":                                                    "redis://:[masked]@10.0.0.1:6379/0",
	"postgres://app:Hush@db/x":                                                         "postgres://app:[masked]@db/x",
	"https://oapi.dingtalk.com/robot/send?access_token=Hush&timestamp=1":               "https://oapi.dingtalk.com/robot/send?access_token=[masked]&timestamp=1",
	"https://open.feishu.cn/open-apis/bot/v2/hook/Hush-1":                              "https://open.feishu.cn/open-apis/bot/v2/hook/[masked]",
	"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=Hush-1":                      "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=[masked]",
	"https://hooks.slack.com/services/T0/B0/Hush":                                      "https://hooks.slack.com/services/[masked]",
	"https://api.telegram.org/bot123:Hush/sendMessage":                                 "https://api.telegram.org/bot[masked]/sendMessage",
	"https://b.oss-cn-hangzhou.aliyuncs.com/o?Expires=1&Signature=Hush%3D&x=1":         "https://b.oss-cn-hangzhou.aliyuncs.com/o?Expires=1&Signature=[masked]&x=1",
	"root:$6$Hush$" + token(60) + ":19000:0":                                           "root:[masked]:19000:0",
	"a\n-----BEGIN RSA PRIVATE KEY-----\nHush\nHush\n-----END RSA PRIVATE KEY-----\nb": "a\n[masked]\nb",
	"-----BEGIN OPENSSH PRIVATE KEY-----\nHush\nHu":                                    "[masked]",
}

func TestWhatLooksLikeASecretIsMasked(t *testing.T) {
	for text, want := range secrets {
		if got := mask.Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	for text := range secrets {
		around := "before " + text + "\nafter: nothing"
		got := mask.Text(around)
		if strings.Contains(got, "Hush") || !strings.HasPrefix(got, "before ") {
			t.Errorf("%q becomes %q", around, got)
		}
	}
}

func TestEverySecretOfALineIsMasked(t *testing.T) {
	if got, want := mask.Text(strings.Repeat("password=Hush ", 50)), strings.Repeat("password=[masked] ", 50); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOtherTextStays: a mask that hides what people need is turned off.
func TestOtherTextStays(t *testing.T) {
	for _, text := range []string{
		"", "up 3 days, load average: 0.10", "Filesystem      Size  Used Avail Use% Mounted on",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "ssh-ed25519 AAAAC3NzaC1 me@host", "https://example.com:8443/path?a=b",
		"the token was refused", "password authentication failed for user app", "secretariat of the STS. And more", "basic facts about bearer shares",
		"PATH=/usr/bin:/bin", "exit code 3", "日志已清理", "commit 5f2c1d9e0a7b4c6d8e9f0a1b2c3d4e5f60718293", "a=1&key=2", "$1 and $6", "mysql -u root -P 3306", "mkdir -p /tmp/x",
	} {
		if got := mask.Text(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// TestUsersExtendTheTable by regular expressions, which leave what is masked as it is.
func TestUsersExtendTheTable(t *testing.T) {
	m, err := mask.New(` acme_[0-9a-f]{8} badge\s\d+
		\w*ask\w* `)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"acme_0123abcd badge 17 password=Hush": "[masked] [masked] password=[masked]",
		"acme_0123":                            "acme_0123",
		"unmasked":                             "[masked]",
	} {
		if got := m.Text(text); got != want || m.Text(got) != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := mask.Text("badge 17"); got != "badge 17" {
		t.Errorf("the table alone masks %q", got)
	}
}

func TestAWrongRegularExpressionIsNotTaken(t *testing.T) {
	for patterns, want := range map[string]string{
		"a+ (b":  "has a regular expression that cannot be read, number 2: missing closing )",
		"a+ b*":  "has a regular expression that matches an empty text, number 2: it would mask everything",
		" \t\n ": "",
		"none":   "",
	} {
		_, err := mask.New(patterns)
		if got := fmt.Sprint(err); want != "" && got != want || want == "" && err != nil {
			t.Errorf("%q: %s, want %q", patterns, got, want)
		}
	}
}

func FuzzMaskingAgainChangesNothing(f *testing.F) {
	for text := range secrets {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := mask.Text(text)
		if again := mask.Text(once); again != once {
			t.Errorf("%q becomes %q, and then %q", text, once, again)
		}
	})
}
