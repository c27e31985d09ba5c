package command_test

import (
	"testing"
	"time"

	"aftercare/shared/command"
)

func TestADurationHasNoZerosAndNoOtherUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "1.5s": 1500 * time.Millisecond, "1m": time.Minute, "1m30s": 90 * time.Second, "10m": 10 * time.Minute,
		"1h": time.Hour, "1h0m1s": time.Hour + time.Second, "1h30m": 90 * time.Minute, "20h": 20 * time.Hour, "100h": 100 * time.Hour, "168h": 7 * 24 * time.Hour,
	} {
		var got command.Duration
		if err := got.UnmarshalText([]byte(text)); err != nil || got.D() != want {
			t.Errorf("%s is read as %v, %v, want %v", text, got.D(), err, want)
		}
		if written := command.Duration(want).String(); written != text {
			t.Errorf("%v is written as %s, want %s", want, written, text)
		}
	}
	for _, text := range []string{"", "0", "5", "1h5", "-1s", "+1s", "1d", "100ms", "1us", ".5s", "1.s", "1h 5m", "s", "1hm"} {
		var got command.Duration
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got.D())
		}
	}
}
