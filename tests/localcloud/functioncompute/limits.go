package functioncompute

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Only the runtime go1 with event handlers; no custom runtimes, containers, HTTP triggers, layers, or initializer, pre-stop and pre-freeze hooks.",
		"Of the API 2023-03-30, InvokeFunction and these exist: Create-, Get-, List-, Update- and DeleteFunction, Create-, Get-, List-, Update- and DeleteTrigger, Publish-, List- and DeleteFunctionVersion, Create-, Get-, List-, Update- and DeleteAlias, Put-, Get- and DeleteAsyncInvokeConfig (and ListAsyncInvokeConfigs), -ConcurrencyConfig, -ProvisionConfig and -ScalingConfig; every other path answers PathNotSupported (400), in the shape of its version of the API.",
		"Code comes as a zip file in base64 (code.zipFile), not from OSS, and its binary must be executable in the zip. Members that the server does not know are kept and shown, not obeyed.",
		"What calls change in a function that the program gave ends with the server; functions that calls make survive it, in its folder.",
		"A function is Active, and a change Successful, when the call returns, unless an option delays both. Not verified: meanwhile an update or a new version is refused with ConcurrentUpdateError, and invocations work.",
		"Triggers are timers and those of the type eventbridge with the event source Default. The rule of the latter is <function>-<trigger> on EventBridge's bus default.",
		"Not verified: the form of the target that Function Compute makes; UpdateTrigger makes the rule what the trigger says, whatever others changed in it; the rules of others are listed as <bus>|<rule>; a function with triggers cannot be deleted (InvalidArgument).",
		"Settings for asynchronous invocations are obeyed, those for concurrency, provisioning and scaling are kept and shown.",
		"Not verified: an alias or a version does not inherit the settings of LATEST; the codes ConcurrencyConfigNotFound, ProvisionConfigNotFound and ScalingConfigNotFound.",
		"Not verified: a version is published even if nothing changed; a version that an alias names cannot be deleted (InvalidArgument); answers have the status 200, or 204 without a body.",
		"Requests without an Authorization header are accepted from loopback, unless signatures are required by a setting; signed ones must be ACS3-HMAC-SHA256, with a date of at most 15 minutes ago, a new nonce and the hash of the body.",
		"A nonce that was used answers SignatureNonceUsed (400), a date that is off InvalidTimeStamp.Expired (400), as other services of the vendor do: the real codes are not documented.",
		"Memory, CPU and disk are not limited, and the network is the host's.",
		"A function's file system is the host's; its code folder is not read-only.",
		"Instances hold one invocation at a time (as go1 does), and the limit of instances is per function, not per account and region.",
		"Without a setting, an asynchronous invocation is repeated 3 times within 5 h; the vendor's pages also say 24 h.",
		"Asynchronous invocations are queued in memory and do not survive the server's end; one repeated after a function error waits 0.5 s, 1 s, 2 s and so on, an interval that FC does not publish.",
		"Of a logConfig, only a line for each invocation is imitated, whatever its settings say, without memory and traces.",
		"Destinations are another function or a local file, not queues or topics.",
		"Function errors are always UnhandledInvocationError, as FC reports for Go.",
		"Log tails (x-fc-log-type: Tail), delayed and stateful invocations are refused with InvalidArgument.",
		"Cron expressions know *, lists, ranges, steps, ? and names of months and days, in UTC or the zone of a CRON_TZ prefix, but not L, W and #.",
		"It matters only whether a role's name is empty: every temporary key may do everything.",
	}
}
