package eventbridge_test

import (
	"strings"
	"testing"

	"aftercare/tests/localcloud/eventbridge"
)

const sample = `{
	"id": "1", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted",
	"subject": "acs.ecs:cn-hangzhou:123456789012:instance/i-1", "empty": "", "none": null,
	"data": {
		"exitCode": "0", "count": 5, "ratio": 0.5, "big": 123456789012345, "status": "Success", "ok": true,
		"ip": "10.0.0.7", "v6": "::1", "blank": "", "nothing": null, "unicode": "übel",
		"tags": ["prod", "web"], "none": [], "mixed": [1, "two", null],
		"nested": {"deep": {"leaf": "x"}},
		"disks": [{"id": "d-1", "size": 20}, {"id": "d-2", "size": 40}]
	}
}`

func TestPatternsThatMatchAndDoNot(t *testing.T) {
	for _, tt := range []struct {
		name, pattern string
		want          bool
	}{
		{"the empty pattern matches all", `{}`, true},
		{"an exact string", `{"source":["acs.ecs"]}`, true},
		{"another string", `{"source":["acs.oss"]}`, false},
		{"case counts", `{"source":["ACS.ECS"]}`, false},
		{"one of several values", `{"source":["acs.oss","acs.ecs"]}`, true},
		{"every key must match", `{"source":["acs.ecs"],"type":["other"]}`, false},
		{"two keys that match", `{"source":["acs.ecs"],"data":{"status":["Success"]}}`, true},
		{"a field that the event lacks", `{"data":{"color":["red"]}}`, false},
		{"a string is no number", `{"data":{"exitCode":[0]}}`, false},
		{"a number is no string", `{"data":{"count":["5"]}}`, false},
		{"a number in another form", `{"data":{"count":[5.0]}}`, true},
		{"a number in exponent form", `{"data":{"ratio":[5e-1]}}`, true},
		{"another number", `{"data":{"count":[6]}}`, false},
		{"true", `{"data":{"ok":[true]}}`, true},
		{"false is not true", `{"data":{"ok":[false]}}`, false},
		{"a string is no boolean", `{"data":{"ok":["true"]}}`, false},

		{"a prefix", `{"type":[{"prefix":"ecs:CloudAssistant:"}]}`, true},
		{"a prefix with other case", `{"type":[{"prefix":"ECS:"}]}`, false},
		{"the empty prefix matches any string", `{"data":{"status":[{"prefix":""}]}}`, true},
		{"a prefix does not match numbers", `{"data":{"count":[{"prefix":"5"}]}}`, false},
		{"a suffix", `{"subject":[{"suffix":"/i-1"}]}`, true},
		{"a suffix that differs", `{"subject":[{"suffix":"/i-2"}]}`, false},
		{"contains", `{"type":[{"contains":"Assistant"}]}`, true},
		{"contains not", `{"type":[{"contains":"assistant"}]}`, false},
		{"contains beyond ASCII", `{"data":{"unicode":[{"contains":"bel"}]}}`, true},

		{"anything but this string", `{"data":{"status":[{"anything-but":"Success"}]}}`, false},
		{"anything but another string", `{"data":{"status":[{"anything-but":"Failed"}]}}`, true},
		{"the exit code trap: the string is not 0", `{"data":{"exitCode":[{"anything-but":"0"}]}}`, false},
		{"anything but a number matches a string", `{"data":{"exitCode":[{"anything-but":0}]}}`, true},
		{"anything but this number", `{"data":{"count":[{"anything-but":5}]}}`, false},
		{"anything but strings of a list", `{"data":{"status":[{"anything-but":["Failed","Success"]}]}}`, false},
		{"anything but strings of another list", `{"data":{"status":[{"anything-but":["Failed","Timeout"]}]}}`, true},
		{"anything but numbers of a list", `{"data":{"count":[{"anything-but":[4,6]}]}}`, true},
		{"anything but this prefix", `{"data":{"status":[{"anything-but":{"prefix":"Succ"}}]}}`, false},
		{"anything but another prefix", `{"data":{"status":[{"anything-but":{"prefix":"Fail"}}]}}`, true},
		{"anything but a prefix matches a number", `{"data":{"count":[{"anything-but":{"prefix":"5"}}]}}`, true},
		{"anything but does not match an absent field", `{"data":{"color":[{"anything-but":"red"}]}}`, false},
		{"anything but matches null", `{"data":{"nothing":[{"anything-but":"x"}]}}`, true},

		{"a number above", `{"data":{"count":[{"numeric":[">",4]}]}}`, true},
		{"a number that is not above", `{"data":{"count":[{"numeric":[">",5]}]}}`, false},
		{"a number below", `{"data":{"count":[{"numeric":["<",6]}]}}`, true},
		{"a number that is not below", `{"data":{"count":[{"numeric":["<",5]}]}}`, false},
		{"a number at the limit", `{"data":{"count":[{"numeric":["<=",5]}]}}`, true},
		{"a number in a range", `{"data":{"count":[{"numeric":[">",0,"<=",5]}]}}`, true},
		{"a number outside a range", `{"data":{"count":[{"numeric":[">",0,"<",5]}]}}`, false},
		{"a decimal in a range", `{"data":{"ratio":[{"numeric":[">",0.499999,"<",0.500001]}]}}`, true},
		{"numeric does not match strings", `{"data":{"exitCode":[{"numeric":["<=",5]}]}}`, false},

		{"an address in a block", `{"data":{"ip":[{"cidr":"10.0.0.0/24"}]}}`, true},
		{"an address outside a block", `{"data":{"ip":[{"cidr":"10.0.1.0/24"}]}}`, false},
		{"a block written with host bits", `{"data":{"ip":[{"cidr":"10.0.0.99/24"}]}}`, true},
		{"an IPv6 address is in no IPv4 block", `{"data":{"v6":[{"cidr":"0.0.0.0/0"}]}}`, false},
		{"what is no address", `{"data":{"status":[{"cidr":"0.0.0.0/0"}]}}`, false},

		{"a field that exists", `{"data":{"status":[{"exists":true}]}}`, true},
		{"a null field exists", `{"data":{"nothing":[{"exists":true}]}}`, true},
		{"an empty array exists", `{"data":{"none":[{"exists":true}]}}`, true},
		{"an object exists", `{"data":{"nested":[{"exists":true}]}}`, true},
		{"a field that does not exist", `{"data":{"color":[{"exists":true}]}}`, false},
		{"no field as wanted", `{"data":{"color":[{"exists":false}]}}`, true},
		{"a field that should not exist", `{"data":{"status":[{"exists":false}]}}`, false},
		{"no field or a value", `{"data":{"status":[{"exists":false},"Success"]}}`, true},
		{"no parent, so no field", `{"data":{"color":{"shade":[{"exists":false}]}}}`, true},
		{"a parent that is no object", `{"data":{"status":{"shade":[{"exists":false}]}}}`, true},

		{"the empty string", `{"empty":[""]}`, true},
		{"the empty string is not null", `{"data":{"nothing":[""]}}`, false},
		{"null", `{"none":[null]}`, true},
		{"null is not the empty string", `{"data":{"blank":[null]}}`, false},
		{"null is not an absent field", `{"data":{"color":[null]}}`, false},

		{"an array with one of the values", `{"data":{"tags":["web","db"]}}`, true},
		{"an array with none of the values", `{"data":{"tags":["db"]}}`, false},
		{"an array with an element with a prefix", `{"data":{"tags":[{"prefix":"pro"}]}}`, true},
		{"an array with an element that is not this", `{"data":{"tags":[{"anything-but":"prod"}]}}`, true},
		{"an empty array matches no value", `{"data":{"none":[{"anything-but":"x"}]}}`, false},
		{"an array with null", `{"data":{"mixed":[null]}}`, true},
		{"nested fields", `{"data":{"nested":{"deep":{"leaf":["x"]}}}}`, true},
		{"nested fields that differ", `{"data":{"nested":{"deep":{"leaf":["y"]}}}}`, false},
		{"an object is no value", `{"data":{"nested":["x"]}}`, false},
		{"one object of an array matches all", `{"data":{"disks":{"id":["d-2"],"size":[40]}}}`, true},
		{"no object of an array matches all", `{"data":{"disks":{"id":["d-1"],"size":[40]}}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := eventbridge.CompilePattern(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Match([]byte(sample))
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("%s matches %v, want %v", tt.pattern, got, tt.want)
			}
		})
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, pattern, want string }{
		{"nothing", ``, "pattern: is empty"},
		{"no JSON", `{"source":`, "pattern: is empty"},
		{"broken JSON", `{"source":[}`, "invalid character"},
		{"no object", `["acs.ecs"]`, "must be a JSON object, not an array"},
		{"something behind it", `{} {}`, "something after"},
		{"a key twice", `{"source":["a"],"source":["b"]}`, `has the key "source" twice`},
		{"a value without its array", `{"source":"acs.ecs"}`, `pattern at source: must be an array of alternatives or an object, not a string: write ["acs.ecs"]`},
		{"a number without its array", `{"data":{"count":5}}`, "pattern at data.count: must be an array"},
		{"null without its array", `{"data":null}`, "pattern at data: must be an array"},
		{"an empty array", `{"source":[]}`, "pattern at source: an empty array"},
		{"an empty object", `{"data":{}}`, "pattern at data: an empty object"},
		{"an array in an array", `{"source":[["a"]]}`, "pattern at source: an array cannot"},
		{"an unknown operator", `{"source":[{"sufix":"a"}]}`, `operator "sufix" is not one of`},
		{"an operator of another vendor", `{"source":[{"equals-ignore-case":"a"}]}`, "is not one of"},
		{"two operators at once", `{"source":[{"prefix":"a","suffix":"b"}]}`, "exactly one key, not 2"},
		{"no operator", `{"source":[{}]}`, "exactly one key, not 0"},
		{"a prefix that is no string", `{"source":[{"prefix":1}]}`, "prefix takes a string, not a number"},
		{"a suffix that is no string", `{"source":[{"suffix":null}]}`, "suffix takes a string, not null"},
		{"contains with a list", `{"source":[{"contains":["a"]}]}`, "contains takes a string, not an array"},
		{"anything-but null", `{"data":{"a":[{"anything-but":null}]}}`, "takes strings and numbers, not null"},
		{"anything-but true", `{"data":{"a":[{"anything-but":true}]}}`, "takes strings and numbers, not a boolean"},
		{"anything-but of an empty list", `{"data":{"a":[{"anything-but":[]}]}}`, "no empty array"},
		{"anything-but of mixed types", `{"data":{"a":[{"anything-but":["1",2]}]}}`, "only strings or only numbers"},
		{"anything-but a suffix", `{"data":{"a":[{"anything-but":{"suffix":"x"}}]}}`, `no object other than {"prefix"`},
		{"numeric with a string", `{"data":{"a":[{"numeric":[">","0"]}]}}`, "compares with numbers, not a string"},
		{"numeric without an operator", `{"data":{"a":[{"numeric":[5]}]}}`, "one or two comparisons"},
		{"numeric with three comparisons", `{"data":{"a":[{"numeric":[">",0,"<",5,"<",6]}]}}`, "one or two comparisons"},
		{"numeric with >=", `{"data":{"a":[{"numeric":[">=",0]}]}}`, `knows >, < and <=, not ">="`},
		{"numeric with =", `{"data":{"a":[{"numeric":["=",0]}]}}`, `knows >, < and <=, not "="`},
		{"numeric that is no range", `{"data":{"a":[{"numeric":[">",0,">",5]}]}}`, "must be a range"},
		{"numeric with too great a number", `{"data":{"a":[{"numeric":[">",1000000001]}]}}`, "between -1e9 and 1e9"},
		{"numeric with a number beyond all bounds", `{"data":{"a":[{"numeric":[">",1e999]}]}}`, "between -1e9 and 1e9"},
		{"numeric with too many decimals", `{"data":{"a":[{"numeric":[">",0.1234567]}]}}`, "at most 6 decimals"},
		{"cidr outside data", `{"source":[{"cidr":"10.0.0.0/8"}]}`, "below data only"},
		{"cidr of IPv6", `{"data":{"a":[{"cidr":"::/0"}]}}`, "IPv4 block"},
		{"cidr without a length", `{"data":{"a":[{"cidr":"10.0.0.1"}]}}`, "IPv4 block"},
		{"exists outside data", `{"subject":[{"exists":true}]}`, "below data only"},
		{"exists for data itself", `{"data":[{"exists":true}]}`, "below data only"},
		{"exists with a string", `{"data":{"a":[{"exists":"true"}]}}`, "true or false, not a string"},
		{"six string expressions", `{"data":{"a":[{"prefix":"1"},{"prefix":"2"},{"suffix":"3"},{"contains":"4"},{"anything-but":"5"},{"anything-but":{"prefix":"6"}}]}}`, "has 6 string expressions, more than 5"},
		{"far too deep", strings.Repeat(`{"a":`, 100) + `[1]` + strings.Repeat(`}`, 100), "nested deeper than 64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := eventbridge.CompilePattern(tt.pattern)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFiveStringExpressionsAndManyValuesAreAllowed(t *testing.T) {
	const pattern = `{"data":{"status":[{"prefix":"1"},{"prefix":"2"},{"suffix":"3"},{"contains":"4"},{"anything-but":"Success"},"5","6","7","Success"]}}`
	p, err := eventbridge.CompilePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.Match([]byte(sample)); err != nil || !ok {
		t.Errorf("got %v and %v, want a match", ok, err)
	}
}

func TestMatchRefusesWhatIsNoObject(t *testing.T) {
	p, err := eventbridge.CompilePattern(`{}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{``, `[]`, `"text"`, `{`} {
		if _, err := p.Match([]byte(event)); err == nil {
			t.Errorf("%q was matched", event)
		}
	}
}

func FuzzCompilePattern(f *testing.F) {
	f.Add(`{"source":["acs.ecs"],"data":{"count":[{"numeric":[">",0,"<=",5]}],"ip":[{"cidr":"10.0.0.0/24"}]}}`)
	f.Add(`{"data":{"a":[{"anything-but":{"prefix":"x"}},{"exists":false},null,""]}}`)
	f.Fuzz(func(t *testing.T, pattern string) {
		p, err := eventbridge.CompilePattern(pattern)
		if err != nil {
			return
		}
		if _, err := p.Match([]byte(sample)); err != nil {
			t.Errorf("match with %q: %v", pattern, err)
		}
	})
}
