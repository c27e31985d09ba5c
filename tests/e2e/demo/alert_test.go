package main

import (
	"testing"

	"aftercare/shared/alertfile"
	"aftercare/shared/decide"
)

// The demo's alerts.yaml has no mistakes, and each alert goes to the webhook and to
// the robot.
func TestTheDemosAlertsGoBothWays(t *testing.T) {
	file, err := alertfile.Read("alerts.yaml", ownAlerts)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range file.Warnings {
		t.Error(w)
	}
	var channels []string
	for _, target := range file.Routes.Of(decide.Alert{Kind: decide.AlertExecution}) {
		channels = append(channels, file.Routes.Route(target.Route).Channels...)
	}
	if len(channels) != 2 || channels[0] != "program" || channels[1] != "robot" {
		t.Errorf("an alert goes to %q, want program and robot", channels)
	}
}

func TestAMessageOfTheRobotSaysHowManyAlertsItIsAbout(t *testing.T) {
	for text, want := range map[string]int{
		`{"markdown": {"title": "ALERT: a", "text": "### ALERT: a\n**What**: b"}}`:                                             1,
		`{"markdown": {"title": "ALERT: a and 6 more", "text": "### ALERT\n**Count**: 7 firing, 0 recovered, 0 open in all"}}`: 7,
		`{"markdown": {"title": "Recovered: a", "text": "### Recovered: a"}}`:                                                  0,
	} {
		if m, err := readMessage([]byte(text)); err != nil || m.firing != want {
			t.Errorf("%s: %d alerts, %v, want %d", text, m.firing, err, want)
		}
	}
}
