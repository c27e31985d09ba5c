package ledger_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
	"aftercare/shared/routing"
	"aftercare/tests/localcloud/tablestore"
)

// later is a version that knows more than this one.
type later struct {
	t      *testing.T
	server *tablestore.Server
}

// rows reads a table of scopes as it is stored, by scope and row.
func (v later) rows(table string) map[[2]string]map[string]any {
	v.t.Helper()
	from, to := new(sdk.PrimaryKey), new(sdk.PrimaryKey)
	for _, name := range []string{"scope", "row"} {
		from.AddPrimaryKeyColumnWithMinValue(name)
		to.AddPrimaryKeyColumnWithMaxValue(name)
	}
	page, err := rawClient(v.t, v.server).GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: &sdk.RangeRowQueryCriteria{
		TableName: table, StartPrimaryKey: from, EndPrimaryKey: to, Direction: sdk.FORWARD, MaxVersion: 1,
	}})
	must(v.t, err)
	out := map[[2]string]map[string]any{}
	for _, row := range page.Rows {
		columns := map[string]any{}
		for _, c := range row.Columns {
			columns[c.ColumnName] = c.Value
		}
		key := row.PrimaryKey.PrimaryKeys
		out[[2]string{key[0].Value.(string), key[1].Value.(string)}] = columns
	}
	return out
}

// rewrite adds a column to each row of a table, and with fields one to each object in
// its JSON.
func (v later) rewrite(table string, fields bool) {
	v.t.Helper()
	for key, columns := range v.rows(table) {
		if text, ok := columns["data"].(string); ok && fields {
			var data any
			must(v.t, json.Unmarshal([]byte(text), &data))
			plant(data)
			if deliveries, ok := data.(map[string]any)["deliveries"].(map[string]any); ok {
				delete(deliveries, "later") // it would be a channel
			}
			again, _ := json.Marshal(data)
			columns["data"] = string(again)
		}
		columns["column"], columns["v"] = future, int64(7)
		putter(v.t, v.server, table, key[0])(key[1], columns)
	}
}

// TestRowsOfNoInstanceKeepWhatThisVersionDoesNotKnow, whoever rewrites them, and an
// alert takes it along from row to row: from its concern or its instance to the inbox,
// into a group, and into a flush. (ledger rule 22)
func TestRowsOfNoInstanceKeepWhatThisVersionDoesNotKnow(t *testing.T) {
	concern := inQuarantine(0)
	key := concern.Alert.Fingerprint
	silent, act := silenceOf("s1", time.Now().Add(40*24*time.Hour))
	orders := []decide.Order{
		orderOf("o1", decide.ActStop, decide.Scope{Flow: "clean-up"}), orderOf("o2", decide.ActStop, decide.Scope{Flow: "clean-up"}),
	}
	order := func(n int) func(l *ledger.Ledger) error {
		return func(l *ledger.Ledger) error {
			_, _, err := l.Order(t.Context(), orders[n])
			return err
		}
	}
	timing := func(later time.Duration) func(l *ledger.Ledger) error {
		return func(l *ledger.Ledger) error {
			known, err := l.Timings(t.Context())
			timing := known["clean-up"]
			timing.Flow, timing.Schedule, timing.Since = "clean-up", "0 0 * * * UTC", start.Add(later)
			return errors.Join(err, l.NoteTiming(t.Context(), timing))
		}
	}
	silences := func(l *ledger.Ledger) error {
		return l.EachSilence(t.Context(), true, func(routing.Silence) error { return nil })
	}
	for name, c := range map[string]struct {
		table  string
		fields bool
		days   int // later it is rewritten
		write  func(*ledger.Ledger) error
		change func(*ledger.Ledger) error
		// changed is in the row after the change, and row begins its key.
		scope, row, changed string
		// objects are those of its JSON that are there before and after.
		objects int
	}{
		"a concern that ends": {
			"aftercare_shared", true, 0,
			func(l *ledger.Ledger) error { _, err := l.Concern(t.Context(), key, showing(concern)); return err },
			func(l *ledger.Ledger) error { _, err := l.Concern(t.Context(), key, ending(time.Hour)); return err },
			"concern", key, `"recovered":true`, 2,
		},
		"a submission that is answered": {
			"aftercare_shared", true, 0,
			func(l *ledger.Ledger) error { _, err := l.Keep(t.Context(), manyOf("first")); return err },
			func(l *ledger.Ledger) error { return answer(t.Context(), l, "i-1", "queued") },
			"many", "k", `"outcome":"queued"`, 3,
		},
		"a submission that is opened again": {
			"aftercare_shared", true, 0,
			func(l *ledger.Ledger) error {
				_, err := l.Keep(t.Context(), manyOf("first"))
				must(t, answer(t.Context(), l, "i-1", decide.Refused))
				must(t, answer(t.Context(), l, "i-2", decide.Refused))
				return err
			},
			func(l *ledger.Ledger) error {
				again := manyOf("first")
				again.At = start.Add(time.Hour)
				_, err := l.Keep(t.Context(), again)
				return err
			},
			"many", "k", "13:00:00Z", 3,
		},
		"a schedule whose tick was made": {
			"aftercare_shared", true, 0, timing(0), timing(time.Hour), "timing", "clean-up", "13:00:00Z", 1,
		},
		"a stop that is ordered again": {"aftercare_shared", true, 0, order(0), order(1), "control", "stop/flow/clean-up", "clean-up", 1},
		"a stop that is old": {
			"aftercare_shared", true, 9, order(0), func(l *ledger.Ledger) error { _, err := l.Control(t.Context()); return err },
			"control", "stop/flow/clean-up", "clean-up", 1,
		},
		"a silence that is old": {
			"aftercare_alerts", false, 9, func(l *ledger.Ledger) error { _, _, err := l.Silence(t.Context(), silent, act); return err }, silences,
			"silence", "s1", `"id":"s1"`, 0,
		},
		"a silence that ends": {
			"aftercare_alerts", false, 0, func(l *ledger.Ledger) error { _, _, err := l.Silence(t.Context(), silent, act); return err },
			func(l *ledger.Ledger) error {
				_, err := l.EndSilence(t.Context(), "s1", time.Now(), routing.SilenceExpired, "Bob", "")
				return err
			},
			"silence", "s1", `"endedBy":"Bob"`, 0,
		},
		"a channel's slot": {
			"aftercare_alerts", true, 0, func(l *ledger.Ledger) error { return l.Alerts().Close(t.Context(), "chat", start) },
			func(l *ledger.Ledger) error { return l.Alerts().Close(t.Context(), "chat", start.Add(time.Hour)) },
			"channel", "chat", "", 0,
		},
		"a letter that becomes a member": {
			"aftercare_alerts", true, 0, func(l *ledger.Ledger) error { post(t, l, 1, 7); return nil },
			func(l *ledger.Ledger) error { _, err := (&desk{now: start}).round(t.Context(), l); return err },
			"group/g", "told/", `"flush":1`, 1,
		},
		"a member with news, and its group": {
			"aftercare_alerts", true, 0,
			func(l *ledger.Ledger) error {
				post(t, l, 1, 7)
				_, err := (&desk{now: start}).round(t.Context(), l)
				return err
			},
			func(l *ledger.Ledger) error {
				post(t, l, 1, 8)
				_, err := (&desk{now: start.Add(time.Hour)}).round(t.Context(), l)
				return err
			},
			"group/g", "", `"last":2`, 1,
		},
		"a flush that is not confirmed": {
			"aftercare_alerts", true, 0,
			func(l *ledger.Ledger) error {
				post(t, l, 1, 7)
				_, err := (&desk{now: start, silent: true}).round(t.Context(), l)
				return err
			},
			func(l *ledger.Ledger) error {
				_, err := (&desk{now: start.Add(time.Hour), silent: true}).round(t.Context(), l)
				return err
			},
			"group/g", "flush/", `"tries":2`, 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, server, _, after := aging(t)
			v := later{t, server}
			must(t, c.write(l))
			v.rewrite(c.table, c.fields)
			after(c.days)
			must(t, c.change(l))
			found := false
			for key, columns := range v.rows(c.table) {
				if key[0] != c.scope || !strings.HasPrefix(key[1], c.row) {
					continue
				}
				found = true
				text, _ := columns["data"].(string)
				moved := strings.HasPrefix(name, "a letter") // into another row
				if kept := columns["column"] == future && columns["v"] == int64(7); !kept && !moved || strings.Count(text, future) < c.objects {
					t.Errorf("row %s is %v, want the column and %d fields kept", key, columns, c.objects)
				}
				if !strings.Contains(text, c.changed) && !strings.HasPrefix(key[1], "told/") {
					t.Errorf("row %s is %v, want %s", key, columns, c.changed)
				}
			}
			if !found {
				t.Errorf("there is no row %s in %v", c.row, v.rows(c.table))
			}
		})
	}
}
