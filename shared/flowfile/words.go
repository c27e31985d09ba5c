package flowfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/suggest"
	"aftercare/shared/yamlfile"
)

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

func wrongEnd(_ yamlfile.Key, word string) string {
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
		return fmt.Sprintf("on cannot be %q%s", word, suggest.DidYouMean("Timeout"))
	}
	if meant := suggest.Nearest(word, known); meant != "" {
		return fmt.Sprintf("on cannot be %.60q%s", word, suggest.DidYouMean(meant))
	}
	return fmt.Sprintf("on cannot be %.60q: write %s, or an error code of Cloud Assistant such as ClientNotOnline", word, strings.Join(flow.RetryStatuses, ", "))
}
