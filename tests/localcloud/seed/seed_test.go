package seed_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/inbox"
	"aftercare/tests/localcloud/seed"
	"aftercare/tests/localcloud/tablestore"
)

func post(string) eventbridge.Target {
	return func(context.Context, []byte) error { return nil }
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileIsReadWithAllTypes(t *testing.T) {
	s, err := seed.Read(file(t, "\ufeff"+`{
		"tables": [{"name": "t", "primaryKey": [{"name": "k", "type": "BINARY"}, {"name": "n", "type": "INTEGER"}],
			"rows": [{"k": {"base64": "AQI="}, "n": -9223372036854775808, "s": "x", "none": {"base64": ""}, "whole": 7, "part": 7.0, "large": 1e3, "yes": true}]}],
		"buses": [{"name": "b", "rules": [{"name": "r", "pattern": {"type": ["x"], "source": [{"prefix": "y"}]}, "url": "http://a/"}]}, {"name": "default"}]
	}`), post)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]tablestore.Table{{
		Name: "t", Key: []tablestore.KeyColumn{{Name: "k", Type: "BINARY"}, {Name: "n", Type: "INTEGER"}},
		Rows: []map[string]any{{"k": []byte{1, 2}, "n": int64(-1 << 63), "s": "x", "none": []byte{}, "whole": int64(7), "part": 7.0, "large": 1000.0, "yes": true}},
	}}, s.Tables); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	buses, rules := s.AddBuses([]string{"a", "b"}, []eventbridge.Rule{{Name: "first"}})
	if diff := cmp.Diff([]string{"a", "b"}, buses); diff != "" {
		t.Errorf("buses (-want +got):\n%s", diff)
	}
	if len(rules) != 2 || rules[1].Name != "r" || rules[1].Bus != "b" || rules[1].Pattern != `{"source":[{"prefix":"y"}],"type":["x"]}` || rules[1].Target == nil {
		t.Errorf("got rules %+v", rules)
	}
}

func TestEveryMistakeIsReportedWithItsPlace(t *testing.T) {
	const table = `"name": "t", "primaryKey": [{"name": "k", "type": "STRING"}]`
	for _, c := range []struct{ text, want string }{
		{`[]`, `:1: it must be an object`},
		{`{"tables": {}}`, `:1: tables: it must be an array`},
		{`{"tables": [7]}`, `:1: tables[0]: it must be an object`},
		{`{"tables": [{}]}`, `:1: tables[0]: name is missing`},
		{"{\n\n\"tables\": [{\"name\": 7}]}", `:3: tables[0].name: it must be a text`},
		{`{"tables": [{"name": "t"}]}`, `:1: tables[0]: OTSParameterInvalid: The number of primary key columns must be in range: [1, 4].`},
		{`{"tables": [{"name": "t", "primaryKey": [{"name": "k", "type": "TEXT"}]}]}`, `:1: tables[0]: the type of the primary key column k must be STRING, INTEGER or BINARY`},
		{`{"tables": [{` + table + `}, {` + table + `}]}`, `:1: tables[1]: another table has the name "t"`},
		{`{"tables": [{` + table + `, "rows": [[]]}]}`, `:1: tables[0].rows[0]: it must be an object`},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "a": null}]}]}`, `:1: tables[0].rows[0].a: a column must be a text, a number, true, false or {"base64": "..."}`},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "a": {"base64": "?"}}]}]}`, `:1: tables[0].rows[0].a: a column must be a text, a number, true, false or {"base64": "..."}`},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "a": 9223372036854775808}]}]}`, `:1: tables[0].rows[0].a: a whole number must have at most 64 bits`},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "a": 1e999}]}]}`, `:1: tables[0].rows[0].a: the number is too large`},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "a": {"base64": 7}}]}]}`, `:1: tables[0].rows[0].a: a column must be a text, a number, true, false or {"base64": "..."}`},
		{`{"tables": [{` + table + `, "rows": [{"k": "` + "\xff" + `"}]}]}`, `:1: tables[0].rows[0].k: a text must be UTF-8, without U+FFFD and halves of surrogate pairs`},
		{`{"tables": [{` + table + `, "rows": [{"k": "\ud800"}]}]}`, `:1: tables[0].rows[0].k: a text must be UTF-8, without U+FFFD and halves of surrogate pairs`},
		{`{"buses": [{"name": "a", "rules": [{"name": "r", "pattern": {"\udc00": ["x"]}, "url": "http://a/"}]}]}`, ":1: buses[0].rules[0].pattern.\ufffd: a text must be UTF-8, without U+FFFD and halves of surrogate pairs"},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "k": "y"}]}]}`, `:1: tables[0].rows[0].k: it is there twice`},
		{`{"tables": [{` + table + `, "rows": [{"k": "x", "a b": 1}]}]}`, `:1: tables[0].rows[0]: OTSParameterInvalid: Invalid column name: 'a b'.`},
		{`{"buses": [{"name": "a b"}]}`, `:1: buses[0]: bus "a b": name is taken, or not 1 to 127 letters, digits and -`},
		{`{"buses": [{"name": "a"}, {"name": "a"}]}`, `:1: buses[1]: another bus has the name "a"`},
		{`{"buses": [{"name": "a", "rules": [{"name": "r", "url": "http://a/"}]}]}`, `:1: buses[0].rules[0]: pattern is missing: {} takes every event`},
		{`{"buses": [{"name": "a", "rules": [{"name": "r", "pattern": {}}]}]}`, `:1: buses[0].rules[0]: url is missing`},
		{`{"buses": [{"name": "a", "rules": [{"name": "r", "pattern": {}, "url": "http://a/", "retry": "never"}]}]}`, `:1: buses[0].rules[0]: rule r: retry strategy "never" is not BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY`},
		{`{"channels": []}`, `:1: channels: it must be an object`},
		{`{"channels": {"mail": {}}}`, `:1: channels.mail: it is not known: known are dingtalk, lark, wecom, slack, pagerduty, alertmanager, webhook`},
		{`{"channels": {"slack": 7}}`, `:1: channels.slack: it must be an object`},
		{`{"channels": {"wecom": {"secret": "x"}}}`, `:1: channels.wecom.secret: it is not known: known are token, perMinute`},
		{`{"channels": {"wecom": {"token": 7}}}`, `:1: channels.wecom.token: it must be a text`},
		{`{"channels": {"wecom": {"perMinute": "7"}}}`, `:1: channels.wecom.perMinute: it must be a whole number`},
		{`{"channels": {"lark": {"http429": 1}}}`, `:1: channels.lark.http429: it must be true or false`},
		{`{"channels": {"lark": {"keywords": "x"}}}`, `:1: channels.lark.keywords: it must be an array of texts`},
	} {
		path := file(t, c.text)
		_, err := seed.Read(path, post)
		var all seed.Mistakes
		if !errors.As(err, &all) || len(all) != 1 || err.Error() != path+c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.text, err, path+c.want)
		}
	}
}

func TestATextThatIsNoJSONIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                     ":1: the file ends too early",
		"{\n\"tables\": [":     ":2: the file ends too early",
		"{\n\"tables\" 7}":     ":2: invalid character '7' after object key",
		"{}\n{}":               ":2: something follows the JSON value",
		"{\"tables\": [\"\\x]": ":1: invalid character 'x' in string escape code",
	} {
		path := file(t, text)
		if _, err := seed.Read(path, post); err == nil || err.Error() != path+want {
			t.Errorf("%q: got %v, want %s", text, err, path+want)
		}
	}
	if _, err := seed.Read(filepath.Join(t.TempDir(), "none"), post); err == nil || !strings.HasPrefix(err.Error(), "read the seed: open ") {
		t.Errorf("got %v for a file that is not there", err)
	}
}

func TestTheExampleOfTheReadmeIsRead(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "    $ cat seed.json\n")
	example, _, _ := strings.Cut(rest, "    $ ")
	s, err := seed.Read(file(t, example), post)
	if err != nil || len(s.Tables) != 1 || len(s.Tables[0].Rows) != 1 || len(s.Rules) != 1 || len(s.Channels) != 2 {
		t.Errorf("got %+v and %v", s, err)
	}
}

func TestAChannelKeepsWhatTheSeedDoesNotSay(t *testing.T) {
	s, err := seed.Read(file(t, `{"channels": {"dingtalk": {"secret": "", "keywords": ["alarm"], "perMinute": 5}}}`), post)
	if err != nil {
		t.Fatal(err)
	}
	own := inbox.Channel{Token: "t", Secret: "s"}
	want := inbox.Channel{Token: "t", Keywords: []string{"alarm"}, PerMinute: 5}
	if got := s.Channel(inbox.DingTalk, own); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Channel(inbox.Lark, own); !reflect.DeepEqual(got, own) {
		t.Errorf("got %+v, want %+v", got, own)
	}
}

func TestRulesOfAFileNameTheirBuses(t *testing.T) {
	rules, err := seed.ReadRules(file(t, `[{"name": "r", "bus": "a", "pattern": {}, "url": "http://a/"}, {"name": "s", "pattern": {}, "url": "https://a/"}]`), []string{"a"}, post)
	if err != nil || len(rules) != 2 || rules[0].Bus != "a" || rules[1].Bus != "" {
		t.Errorf("got %+v and %v", rules, err)
	}
	path := file(t, `[{"name": "r", "bus": "b", "pattern": {}, "url": "http://a/"}, 7]`)
	_, err = seed.ReadRules(path, []string{"a"}, post)
	if want := path + ":1: [0]: rule r: bus \"b\" does not exist\n" + path + ":1: [1]: it must be an object"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := seed.ReadRules(file(t, `{}`), nil, post); err == nil || !strings.Contains(err.Error(), "it must be an array") {
		t.Errorf("got %v, want that it must be an array", err)
	}
}

// TestPatternsKeepTheirNumbers keeps what a float64 would round.
func TestPatternsKeepTheirNumbers(t *testing.T) {
	s, err := seed.Read(file(t, `{"buses": [{"name": "a", "rules": [{"name": "r", "pattern": {"data": {"n": [9007199254740993]}}, "url": "http://a/"}]}]}`), post)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Rules[0].Pattern; !json.Valid([]byte(got)) || !strings.Contains(got, "9007199254740993") {
		t.Errorf("got %s", got)
	}
}
