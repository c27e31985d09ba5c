package flowfile

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/flow"

	"github.com/goccy/go-yaml/ast"
)

// opening begins an expression inside a text.
const opening = "${{"

// The schema has the same patterns.
const (
	durationPattern = `^([0-9]+(\.[0-9]+)?[hms])+$`
	timePattern     = `^([01][0-9]|2[0-3]):[0-5][0-9]$`
)

var (
	durations = regexp.MustCompile(durationPattern)
	times     = regexp.MustCompile(timePattern)
)

// duration decodes a duration within the range of its key.
func (r *reader) duration(n ast.Node, k key, into reflect.Value) bool {
	sc, ok := textOf(n, true)
	if _, isBool := n.(*ast.BoolNode); !ok || isBool {
		r.add(r.at(n), "%s is a duration such as 60s, 5m or 1h30m, but here is %s", k.name, describe(n))
		return false
	}
	d, mistake := k.parse(sc.text)
	if mistake != "" {
		r.add(r.at(n), "%s", mistake)
		return false
	}
	into.SetInt(int64(d))
	return true
}

// parse reads a duration, and returns what is wrong with it.
func (k key) parse(text string) (d time.Duration, mistake string) {
	least, _ := time.ParseDuration(k.least)
	most, _ := time.ParseDuration(k.most)
	if !durations.MatchString(text) {
		if instead := intended(text); instead != "" {
			return 0, fmt.Sprintf("%s is a number with a unit (h, m or s); this is %.40q, did you mean %s?", k.name, text, instead)
		}
		or := ""
		if k.form == "wait" {
			or = ", or " + flow.WaitNextBoot
		}
		return 0, fmt.Sprintf("%s is a number with a unit, such as 60s, 5m or 1h30m%s; this is %.40q", k.name, or, text)
	}
	d, err := time.ParseDuration(text)
	switch {
	case k.form == "seconds" && err == nil && d > 0: // 0 would mean the default
		return d, "" // the command's own limits
	case err != nil || d < least || d > most:
		return 0, fmt.Sprintf("%s must be from %s to %s; this is %.40q", k.name, k.least, k.most, text)
	}
	return d, ""
}

// units are words that people write for a unit, with their size in h, m or s.
var units = map[string]struct {
	unit string
	n    int
}{
	"": {"s", 1}, "sec": {"s", 1}, "secs": {"s", 1}, "second": {"s", 1}, "seconds": {"s", 1}, "s": {"s", 1},
	"min": {"m", 1}, "mins": {"m", 1}, "minute": {"m", 1}, "minutes": {"m", 1}, "m": {"m", 1},
	"hr": {"h", 1}, "hrs": {"h", 1}, "hour": {"h", 1}, "hours": {"h", 1}, "h": {"h", 1},
	"d": {"h", 24}, "day": {"h", 24}, "days": {"h", 24}, "w": {"h", 168}, "week": {"h", 168}, "weeks": {"h", 168},
}

// intended guesses the duration meant by invalid text, such as 24h for 1d; empty
// if there is no good guess.
func intended(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.ReplaceAll(strings.ReplaceAll(text, " ", "-"), "_", "-") == flow.WaitNextBoot || text == "nextboot" || text == "reboot" {
		return flow.WaitNextBoot
	}
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.Atoi(text[:digits])
	unit, ok := units[strings.TrimSpace(text[digits:])]
	if err != nil || !ok || n > 100_000 {
		return ""
	}
	return strconv.Itoa(n*unit.n) + unit.unit
}

// errorCodes are the codes of Cloud Assistant that a retry can list beside
// flow.RetryStatuses. [31] Codes of containers are recognised by their prefix.
var errorCodes = []string{
	"AccountNotExists", "BadCronExpression", "ClientIsUpgrading", "ClientNeedUpgrade", "ClientNetworkBlocked", "ClientNotOnline",
	"ClientNotResponse", "ClientNotRunning", "ClientRestarted", "CommandContentDecodeError", "CommandNotApplicable",
	"DefaultWorkingDirectoryNotAvailable", "DeliveryTimeout", "DirectoryNotExists", "ExecutionException", "ExecutionInterrupted",
	"ExecutionTimeout", "ExitCodeNonzero", "InstanceDeregistered", "InstanceNotExists", "InstanceNotRunning", "InstanceReleased",
	"InstanceRestarted", "InvalidCommandText", "InvalidSystemBuiltInParameter", "SecurityGroupRuleDenied", "TaskConcurrencyLimit",
}

const containerPattern = `^Container[A-Za-z]+$`

var containers = regexp.MustCompile(containerPattern)

func wrongEnd(word string) string {
	known := slices.Concat(flow.RetryStatuses, errorCodes)
	if slices.Contains(known, word) || containers.MatchString(word) {
		return ""
	}
	switch word {
	case "Success", flow.StepSucceeded:
		return "a command that succeeded is not tried again: remove " + word
	case "Cancelled", flow.StepCancelled:
		return "a command that was cancelled is not tried again: remove " + word
	case flow.StepTimedOut, "TimedOut":
		return fmt.Sprintf("on cannot be %q%s", word, flow.DidYouMean("Timeout"))
	}
	if meant := flow.Nearest(word, known); meant != "" {
		return fmt.Sprintf("on cannot be %.60q%s", word, flow.DidYouMean(meant))
	}
	return fmt.Sprintf("on cannot be %.60q: write %s, or an error code of Cloud Assistant such as ClientNotOnline", word, strings.Join(flow.RetryStatuses, ", "))
}
