package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/subscription"
)

// cloudMonitorNote is what people should know before they send the requests.
const cloudMonitorNote = `NOT VERIFIED on the real service. Nothing was sent.

EventBridge stays the main route: a policy of CloudMonitor groups and silences
alerts, and may swallow events. Both routes at once are safe. The older event
rules of CloudMonitor cannot name a function of Function Compute 3.

By the API 2024-03-30 (ROA, ACS3 signatures), send each body of
CreateAlertAction to POST /alertAction, and that of CreateNotifyPolicy to
POST /api/eventbase/notify-policy/create?workspace=WORKSPACE.

In the console of CloudMonitor 2.0: make an alert action of the type FC3 for
each function, then a notification policy on the system events of ECS. In either
case, attach the actions to the policy in the console. Each function ignores the
events that are for another.
`

func newSubscribeCloudMonitor(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cloudmonitor",
		Short: "Print what makes CloudMonitor a second route (not verified)",
		Long: `CloudMonitor 2.0 can bring the same events to the functions where EventBridge is
not available. The command prints the bodies of the requests that set it up, and
the steps in the console. It sends nothing, and needs no access key.`,
		Example: `  aftercare subscribe cloudmonitor --env prod
  aftercare subscribe cloudmonitor -o json`,
		Args: cli.Args(),
	}
	name, format := environmentFlag(cmd, getenv), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := openEnvironment(*name, getenv)
		if err != nil {
			return cli.Usage(err)
		}
		region := e.get(variableRegion)
		if region == "" {
			return cli.Usage(errors.New("the region is missing: set " + variableRegion + e.where()))
		}
		if !format.json() {
			fmt.Fprint(cmd.OutOrStdout(), cloudMonitorNote, "\n")
		}
		return printJSON(cmd.OutOrStdout(), cloudMonitorRequests(region))
	}
	return cmd
}

// cloudMonitorRequests are bodies of requests, by action: an action for each function
// that a service's events invoke, and the policy. Sources:
// https://help.aliyun.com/zh/cms/cloudmonitor-2-0/developer-reference/api-cms-2024-03-30-createalertaction
// https://help.aliyun.com/zh/cms/cloudmonitor-2-0/developer-reference/api-cms-2024-03-30-createnotifypolicy
func cloudMonitorRequests(region string) map[string]any {
	type object = map[string]any
	var actions []object
	for _, r := range (subscription.Site{}).Rules() {
		if r.Trigger {
			actions = append(actions, object{
				"alertActionName": r.Function, "type": "FC3",
				"fc3Param": object{"function": r.Function, "qualifier": "LATEST", "regionId": region},
			})
		}
	}
	return map[string]any{
		"CreateAlertAction": actions,
		"CreateNotifyPolicy": object{
			"notifyStrategy": object{"groupingSetting": object{"groupingKeys": []string{}, "silenceSec": 0}, "routes": []object{}},
			// With it, the events of CloudMonitor 1.0, which name no workspace, count.
			"subscription": object{"subscribeLegacyEvent": true},
		},
	}
}
