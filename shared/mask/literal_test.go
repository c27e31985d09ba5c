package mask_test

import (
	"testing"

	"aftercare/shared/mask"
)

func TestASecretIsLiteralUnlessAScriptComputesIt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		prose      bool
		line       int
		found      bool
	}{
		{"password", "hunter2", false, 0, true},
		{"dbPassword", "${{ event.commandName }}", false, 0, false},
		{"secretName", "db/password", false, 0, false},
		{"accessKeyId", "LTAI5tAbCdEfGhIjKlMnOp", false, 0, true},
		{"url", "mysql://root:hunter2@db/x", false, 0, true},
		{"", "set -e\nexport TOKEN=abcdef\n", false, 7, true},
		{"", "TOKEN=$(fetch | jq -r .Value)\n", false, 0, false},
		{"", "curl -H \"Authorization: Bearer $TOKEN\" https://example.com\n", false, 0, false},
		{"", "curl -H \"Authorization: Bearer abcdefghij0123456789\" https://example.com\n", false, 0, true},
		{"", "docker login --username robot --password-stdin <file\n", false, 0, false},
		{"", "mysql -p\"$p\" -e 'select 1'\n", false, 0, false},
		{"", "$env:Token = $env:Value\n", false, 0, false},
		{"", "Reset the password: see the wiki", true, 0, false},
		{"", "Log in with password: hunter2", true, 0, true},
	} {
		if line, found := mask.Literal(c.name, c.text, c.prose); line != c.line || found != c.found {
			t.Errorf("%s %q: got %d, %v, want %d, %v", c.name, c.text, line, found, c.line, c.found)
		}
	}
}
