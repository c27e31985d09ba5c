// Package ecs imitates the Cloud Assistant part of the ECS OpenAPI (RPC style,
// version 2014-05-26) together with its instances: they boot, reboot and
// stop on request, and each has an agent that really runs the scripts that it
// gets, in a folder of its own. To the official SDKs, unmodified, the wire format
// looks like the real one: signatures, time stamps, nonces,
// security tokens and hashes of bodies are checked, and errors carry the codes
// and statuses of the real service.
//
// A call has one of two signatures, each with its own words for a refusal:
//
//   - in the header Authorization, ACS3-HMAC-SHA256, as all SDKs that the vendor
//     supports today make it. Action and version are headers too, parameters are in
//     the query or a form, and answers are JSON;
//   - among the parameters, signature version 1 with HMAC-SHA1, as older SDKs make
//     it. Its default format is XML, which is not imitated: Format=JSON must be
//     given.
//
// A NextToken continues the query that returned it, also after a restart. It is
// refused with other filters, for another action, or garbled; the page size and
// the fields of a line may change.
//
// The actions are RunCommand, CreateCommand, InvokeCommand, StopInvocation,
// DescribeInvocations, DescribeInvocationResults, DescribeCloudAssistantStatus
// and DescribeInstances. Service events leave as CloudEvents through
// Options.Emit, in the order in which they happened and at least once.
//
// With Options.Path, acknowledged changes survive SIGKILL: instances, commands,
// invocations, client tokens, the list of runs, and events that were not handed
// over yet. A script that ran at that moment never runs again: on the next Start
// its invocation ends as Failed with ErrorCode ExecutionInterrupted.
//
// The agent treats a script as the public source of the real one does
// (github.com/aliyun/aliyun_assist_client). It saves it under the name of the
// command and the id of the invocation, with mode 0755, in
// /usr/local/share/aliyun-assist/work/script, or in /tmp for a named user, and
// has sh read that path, unquoted: a blank in a command's name ends it with 127
// before it starts, and a slash costs it its interpreter. The rest is the
// kernel's work: a carriage return in the first line is part of the
// interpreter's name. The exit codes 193 and 194 (on Windows 3009 and 3010)
// stop and restart the instance.
//
// An instance's folder is not a sandbox. All paths that the agent uses lie below
// that folder, and scripts inherit nothing of the environment, but they run with
// the rights of the calling process and can go anywhere.
//
// Processes end with their instance, and with the program that hosts the
// server, in whatever way that ends. A guard, a small shell script in a process of its
// own, waits for that; see guard.go.
//
// A call for something that is not imitated gets the code LocalCloud.NotImitated
// and the name of that thing; Limits lists what is missing.
package ecs

// Limits lists where this package differs from the real service, a sentence
// each.
func Limits() []string {
	return []string{
		"Actions other than the eight of the package comment answer InvalidAction.NotFound (404) with their name.",
		"Answers are JSON only: Format=XML is refused, and so is a call with signature version 1 and no Format, for which XML is the default.",
		"Signatures are ACS3-HMAC-SHA256 in a header, or HMAC-SHA1 (signature version 1) among the parameters: ACS3-HMAC-SM3, ACS3-RSA-SHA256 and bearer tokens are refused.",
		"A POST has its parameters in the query and in a form of at most 4 MB; any other body is refused.",
		"A NextToken is refused for any query but its own; how strict the real service is, is not documented.",
		"A parameter that is not known answers LocalCloud.NotImitated (400) with its name, where the real service ignores it.",
		"RepeatMode DryRun, containers, Launcher, OssOutputDelivery, WindowsPasswordName and OOS parameter stores are refused.",
		"A resource group exists if an instance was created in it, and only DescribeInstances knows it; for other actions any ResourceGroupId answers InvalidResourceGroup.NotFound. The default one has no id.",
		"RAM policies are not evaluated: an accepted access key may do everything.",
		"The only operating system users are root and System; another Username ends as Invalid with AccountNotExists, and root is whoever runs this program.",
		"What the agent keeps under /usr/local/share, /tmp and /root is below the instance's folder; a script that names such a path itself gets the machine's own.",
		"Interpreters, sh included, are this machine's. The environment is HOME, PATH and LOCALCLOUD_INSTANCE; a real agent passes its own on.",
		"RunPowerShellScript runs in pwsh if it is installed, with C:\\x as the folder x of the instance. Otherwise, and for every RunBatScript, nothing runs: the command ends with the exit code that the instance was created with, and says so in its output.",
		"Scripts on Windows instances are not converted to GBK, and the exit code of pwsh is one of Unix, 0 to 255: 3010 arrives as 194, and restarts nothing.",
		"TerminationMode ProcessTree kills the script's process group, not the descendants that left it. Process kills sh alone; where sh starts the script as a child (dash), the script keeps running, as on a real instance.",
		"Where there is no /proc, background processes end with their script. Where there is one, they run until the instance stops; only a process that changes its user, or leaves its group and clears its environment, escapes the end of the instance.",
		"When the program that hosts the service is killed, its commands are killed right after it; if their guard is killed at the same time, by the next start on the same folder, where there is a /proc.",
		"A script's file is removed when the script ends; older agents keep it.",
		"An agent runs any number of commands at once; a real one queues or refuses those over its limit.",
		"StopInvocation ends a running script (Terminated); some pages of the real service say that it lets a started one finish.",
		"The folder of an instance is not a sandbox: scripts can read and write whatever the program can.",
		"A working directory must exist in the instance's folder; absolute paths are taken relative to that folder.",
		"Of an output over 24 KB the first 6,000 bytes and the last 18,576 are kept, and Dropped is the number of bytes between them.",
		"A ClientToken is remembered per action for Delays.TokenTTL; the real lifetime is not documented.",
		"The daily quota counts calls, and a day is one of China Standard Time (UTC+8).",
		"Throttling counts calls per action and calendar minute, and answers Throttling.User (400).",
		"Signature nonces are remembered in memory only, for as long as their time stamps are valid.",
		"NextRebootOnly and EveryReboot are held by the service and start at the first heartbeat after the next boot.",
		"Period skips the times at which the agent is not up; a missed at(...) ends as Aborted. Without a time zone, cron means UTC.",
		"Period and EveryReboot keep the last 100 results for IncludeHistory.",
		"Ended invocations are forgotten over Options.Retain and after 30 days; commands and instances never are.",
		"An agent that comes back with StartAgent sends a first heartbeat event too, because the real one counts per process.",
		"DescribeInstances knows the fields of instances that exist here, and filters by id, name (with *), status, zone, resource group and tag only.",
		"DescribeInvocationResults without InvokeId answers with the newest results of all invocations.",
	}
}
