package routing_test

import (
	"testing"
	"time"

	"aftercare/shared/routing"
	"aftercare/shared/timetable"

	"pgregory.net/rapid"
)

func muting(windows ...*timetable.Windows) *routing.Set {
	r, mute := routing.Route{}, map[string]*timetable.Windows{}
	for i, w := range windows {
		name := string(rune('a' + i))
		r.MuteTimes = append(r.MuteTimes, name)
		mute[name] = w
	}
	return routing.NewSet(r, mute)
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// [8]
func TestARouteIsMutedUntilNoneOfItsMuteTimesIsOpen(t *testing.T) {
	night := &timetable.Windows{TimeZone: "Asia/Shanghai", Open: []timetable.Window{{From: "22:00", To: "07:00"}}}
	morning := &timetable.Windows{TimeZone: "UTC", Open: []timetable.Window{{From: "22:30", To: "23:30"}, {From: "23:30", To: "01:00", Days: []string{"mon"}}}}
	for _, c := range []struct {
		name, now, want string
		set             *routing.Set
	}{
		{"without mute times", "2026-03-02T18:00:00Z", "", muting()},
		{"outside", "2026-03-02T13:59:59Z", "", muting(night)},
		{"at the moment that it opens", "2026-03-02T14:00:00Z", "2026-03-02T23:00:00Z", muting(night)},
		{"inside", "2026-03-02T18:00:00Z", "2026-03-02T23:00:00Z", muting(night)},
		{"at the moment that it closes", "2026-03-02T23:00:00Z", "", muting(night)},
		{"one follows another", "2026-03-02T18:00:00Z", "2026-03-03T01:00:00Z", muting(night, morning)},
		{"windows touch", "2026-03-02T22:30:00Z", "2026-03-03T01:00:00Z", muting(morning)},
		{"without the second", "2026-03-03T18:00:00Z", "2026-03-03T23:30:00Z", muting(night, morning)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.set.MutedUntil(routing.Default, at(t, c.now))
			text := ""
			if !got.IsZero() {
				text = got.Format(time.RFC3339)
			}
			if text != c.want {
				t.Errorf("it is muted until %q, want %q", text, c.want)
			}
		})
	}
	if until := muting(&timetable.Windows{TimeZone: "Nowhere"}, night).MutedUntil(routing.Default, at(t, "2026-03-02T18:00:00Z")); until.IsZero() {
		t.Error("a time zone that is not known hides another mute time")
	}
}

// [8] Each hour is asked for alone.
func TestMutedUntilIsTheFirstHourThatIsNotMuted(t *testing.T) {
	monday := at(t, "2026-03-02T00:00:00Z")
	hour := rapid.SampledFrom([]string{"00:00", "03:00", "09:00", "12:00", "18:00", "23:00"})
	day := rapid.SampledFrom([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"})
	window := rapid.Custom(func(t *rapid.T) timetable.Window {
		return timetable.Window{From: hour.Draw(t, "from"), To: hour.Draw(t, "to"), Days: rapid.SliceOfN(day, 1, 5).Draw(t, "days")}
	})
	ends := 0
	rapid.Check(t, func(t *rapid.T) {
		windows := []*timetable.Windows{
			{TimeZone: "UTC", Open: rapid.SliceOfN(window, 1, 5).Draw(t, "one")}, {TimeZone: "UTC", Open: rapid.SliceOfN(window, 1, 5).Draw(t, "other")},
		}
		open := func(now time.Time) bool {
			for _, w := range windows {
				if is, _, err := w.IsOpen(now); is || err != nil {
					return true
				}
			}
			return false
		}
		now := monday.Add(time.Duration(rapid.IntRange(0, 7*24).Draw(t, "hour")) * time.Hour)
		want := now
		for open(want) && want.Before(now.Add(9*24*time.Hour)) {
			want = want.Add(time.Hour)
		}
		if got := routing.Ends(windows, now); got != want.Before(now.Add(8*24*time.Hour)) {
			t.Fatalf("they end: %v, but the first hour that is not muted is %v", got, want)
		} else if !got {
			return
		}
		ends++
		got := muting(windows...).MutedUntil(routing.Default, now)
		if got.IsZero() {
			got = now
		}
		if !got.Equal(want) {
			t.Fatalf("muted until %v, want %v", got, want)
		}
	})
	if ends == 0 {
		t.Error("no mute time ended")
	}
}
