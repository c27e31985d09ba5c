// Package flow defines flows: what a flow is, which flows an event starts, and
// how a run advances. It is pure: it reads no file and no clock, makes no call,
// and knows events only as its own type Event. Package flowfile reads the file
// in which people write flows; packages decide and engine do what a run asks for.
//
// This comment is the specification of flows. Each rule has a number, and each
// number is named by a test.
//
// # The file
//
//  1. The file is YAML, without tags, merge keys and further documents. It has
//     the keys version (which is 1), flows (a list), and optionally defaults.
//  2. A flow's name, and a step's id within its flow, are unique, 1 to 63
//     characters of a-z, 0-9 and -, the first not -.
//  3. on is one kind of event or a list of several: task-completed (a command
//     has ended on an instance), first-heartbeat (an instance has booted), manual
//     (a person starts it), schedule (a clock does).
//  4. mode is live, which is the default, or dry-run.
//  5. defaults holds, for every flow that does not say otherwise: mode,
//     timeout, whenBusy, alertOnRetry, runbook, instances, windows, limits,
//     onFailure and finally as a flow has them; under step: retry, timeout, onFailure (stop or continue) and
//     capture of steps that send a command; under run: type, timeout,
//     workingDir and username. A key is taken whole: nothing is merged into
//     what a flow says itself. limits counts as two keys.
//  6. Every key that is not listed here is a mistake. All mistakes are found at
//     once, each with its place.
//  7. A flow has 1 to 20 steps, and at most 30 with those of onFailure and
//     finally; at most 5 of them are alerts, and at most 5 capture.
//  8. The functions read the file in the stored form that 'aftercare flows
//     compile' writes, and parse a flow's expressions when they are first
//     needed. A stored form that was cut or was written by another version is
//     refused at start.
//
// # Expressions
//
//  10. A flow's when is an expression of expr-lang over event, instance, run
//     and inputs; a step's also over steps. Without one, the answer is yes. Package flowfile
//     checks expressions with expr itself; the functions evaluate them without
//     it, with the same result.
//  11. A when is taken apart at its outermost &&. Its clauses are evaluated in
//     order, and the first that is false is the reason that is recorded.
//  12. event has the fields that all kinds of the flow's on have (see Event).
//     Times are text, RFC 3339 in UTC with whole seconds, empty if unknown.
//     event.requeued (task-completed): Aftercare itself, or the flow that sent
//     it, tries the command again.
//  13. instance has id, state (unknown, waiting, bootable), bootSeq, bootTime,
//     agentVersion, os (linux or windows), name, tags, region, zone, as they
//     are when the expression is evaluated, and failedRuns: how many runs of
//     flows failed or timed out on it within the last 24 hours. What ECS did not
//     say is nil, and so is a tag that the instance does not have.
//  14. run has depth (how many flows led to the event; 0 if a person's command
//     did), attempt (of the step, from 1) and startedAt, which is empty in a
//     flow's when.
//  15. steps.<id> has status, exitCode (-1 if no script ended), errorCode,
//     output and attempts. output is without the newlines that end it, as $( )
//     gives it in a shell. Only steps that stand before can be named: those of
//     steps before those of onFailure, and these before those of finally. A step
//     that the run passed by has the status skipped. An id with - is written
//     steps["the-id"].
//  16. ${{ and }} enclose expressions in the values of parameters and in the
//     texts of alerts, and nowhere else. Text, numbers, true and false become
//     text.
//  17. Expressions have no clocks, no variables, no bytes, no if with braces, no
//     loops inside loops and no functions that make text longer. fromJSON, lines
//     and match take values out of text. An evaluation takes at most 10,000,000
//     steps, which are counted and do not depend on the machine: one for each part
//     of the expression that is evaluated, each byte of text and each element
//     that it takes or makes. A pattern counts each byte once for each of its
//     parts, at most 1,000; trim counts each byte once for each byte that it takes
//     off. JSON is at most 100 lists and mappings deep. The result is always the
//     same.
//  18. event.failedBefore (task-completed) is how many ends in a row, of the
//     command of this name on this instance, were bad before this one: Failed,
//     Timeout, Aborted or Invalid. Ends count only since a flow that uses
//     failedBefore, in its when or in a step, was deployed, and for at most 100
//     names per instance.
//  19. A flow whose when cannot be evaluated for an event does not start; a
//     step whose when, parameters or text cannot be evaluated ends as invalid.
//
// # Steps
//
//  20. Steps run in order, one at a time. A step whose when is false is
//     skipped, and the clause that was false is recorded.
//  21. A step's expressions are evaluated when it begins, its parameters anew
//     for every attempt.
//  22. run and invoke send one command, as one task for each attempt. The step
//     ends as the task does: succeeded, failed, timed_out, aborted, invalid,
//     cancelled, terminated or expired. Others end as succeeded. skipped is
//     the status of steps that did not run.
//  23. A run's parameters reach the script as environment variables.
//  24. An invoke's parameters are put into a script by the service without any
//     quoting: a value with other characters than A-Z a-z 0-9 _ . : / @ = + , -
//     ends the step as invalid, and nothing is sent; so do parameters of more
//     than 24 KB as base64.
//  25. With capture, what the command printed is fetched when it has ended,
//     up to 24 KB, and what was dropped is noted. Without it no call is made.
//  26. alert raises one alert with its text, cut at 1,000 characters, and does
//     not wait for its delivery. An empty text is replaced by one that says so.
//  27. wait: <duration> holds the run; a wake-up ends it, no function sleeps.
//  28. wait: next-boot holds the run until a first heartbeat of another boot
//     than the one that was known when the step before it began (or when the
//     run began, if it is the first step). Two of them in a row wait for two
//     boots. A reboot within a minute of the boot before it counts as the same.
//  29. stop: succeeded or failed ends the run with this result. onFailure does
//     not run then; finally does. In onFailure, stop replaces the run's result;
//     in finally, the result stays.
//
// # Retries
//
//  30. A step that sends a command is tried again if its end is one that retry
//     lists, at most max times (1 to 10). Without a retry: max 2, and the
//     defaults below.
//  31. on lists statuses (Failed, Timeout, Aborted, Invalid, Terminated) and
//     error codes of Cloud Assistant. Its default is the codes that say that
//     the script did not start: ClientIsUpgrading, ClientNotOnline,
//     ClientNotRunning, DeliveryTimeout, InstanceNotRunning,
//     TaskConcurrencyLimit.
//  32. The delay before retry n is a random part (full jitter) of backoff ×
//     factor^(n-1), at most of maxBackoff. Defaults: 10s, 2, 5m. The random
//     part is derived from the run, the step and n, so that deciding twice
//     gives one answer.
//  33. A wake-up ends the delay. Its precision is a minute, and so is the
//     sweep's: the retry comes up to two minutes late.
//  34. A retry after an end whose script may have run is recorded as such
//     (mayHaveRunTwice) when it is sent.
//  35. Nothing is tried again if the task was cancelled, or once the step or the
//     run has timed out, which ends the step as timed_out.
//  36. alertOnRetry says whether the end of an attempt that is tried again
//     raises its alert at once. Without it, only the end of the last one does.
//
// # Alerts
//
//  37. A step's alert has the severity (critical, error, warning or info), the
//     route of alerts.yaml and the runbook that the step says. Without them, it
//     is an error, goes where its route's match puts it, and has the flow's
//     runbook. runbook is the address of a page, http or https.
//  38. Every alert about a command of a flow names the flow and the step, and has
//     the flow's runbook. If the step captures, it has the end of the output.
//  39. Each run that fails or times out raises one alert about that, which says
//     why: at which step, and that step's own reason. It is the alert of that step's
//     command, if that ended badly; otherwise that of a step of onFailure or
//     finally; otherwise one that is raised when the run ends. If a stop ends the
//     run as failed, any alert that the run raised will do. What a step alerts has
//     the reason and the end of the output of the step that went wrong before.
//
// # Failures
//
//  40. The steps of the flow's onFailure run when the run has failed or timed
//     out; the first of them that fails ends them, unless its own onFailure
//     says otherwise.
//  41. The steps of finally run at the end of every run that began. If one
//     fails, the next still runs, unless its own onFailure says otherwise. The
//     result stays.
//  42. A step's onFailure says what follows when it did not succeed: stop (the
//     run has failed; the default), continue, or the id of a later step of the
//     same list. Steps that are jumped over are recorded as skipped.
//  43. A run's result is succeeded, failed or timed_out; or, if it never began,
//     refused, dropped or dry-run.
//
// # Starting
//
//  44. instances narrows a flow to some instances: by tags, os and name, all of
//     which must fit. A tag and the name take one pattern or several. One of them
//     must fit the whole value: * stands for any text, ? for one character. What ECS did not say fits nothing. instances is asked
//     before when, and has its own reason.
//  45. With captureEvent, for flows on task-completed alone, what the command of
//     the event printed is fetched as event.output, as rule 25 says, once instances
//     and all clauses of when hold that do not read it; those that do come last.
//     Dry-run fetches it, too: that only reads. The run stores it. An event that is
//     delivered again fetches nothing. If the fetch fails, the event is delivered
//     again, until 10 minutes after the command's end; then, or if it can never
//     be fetched, the flow does not start, and the reason is recorded. For an end that
//     had to wait until its task was known, it is fetched once. A run that has
//     ended does not keep it: a retry fetches it anew.
//  46. With a calendar, a window opens only on days that the calendar has open. Its
//     day is that of the calendar's timeZone at the moment at which it opens. A
//     window that has opened closes at its own time, even if that is on a closed
//     day. If no window opens within 400 days, the run is dropped.
//  47. A calendar is a YAML file in the folder of the flows file or below it, with
//     version (which is 1), timeZone, and optionally days (of the week, those that
//     are open; all by default), closed and open: days such as 2027-01-01 and
//     ranges such as 2027-01-01..2027-01-03, at most 200 in each list. open counts
//     more than closed, and closed more than days. A window that it never lets
//     open is a mistake, and so is one that it closes for more than 400 days, if it
//     has no open. Its own mistakes are those of the key that names it, with their
//     places. The stored form and every run hold what it says: the functions read
//     no other file.
//  48. A flow on manual is started by a person, on the instances that are named, and
//     no other flow with it. Then event.id is the start's key, event.source is
//     aftercare, event.account is empty, event.by and event.reason say who starts it
//     and why.
//  49. inputs are at most 20 values of type text (the default), number or boolean,
//     each with at most 1,000 characters. A pattern must match the whole of a text.
//     An input without a default must be given, so a flow that events can start, too,
//     needs a default for each: an event starts it with these. They stay in the run's
//     record.
//  50. No flow leads to itself: a flow that is in the chain of flows that led
//     to the event is stopped, and so is every flow behind ten others. One
//     alert says so.
//  51. A flow that is stopped starts no run, which is recorded as refused, and its
//     runs take no further step and send nothing until it is resumed. Their timeouts
//     keep running.
//  52. One run of a flow on an instance at a time. With whenBusy: queue, the
//     default, a second one waits, in order, at most 20 of them; with drop it
//     is dropped.
//  53. With windows, runs begin only within them: outside, a run waits until
//     the next one opens, or is dropped. A run that has begun continues. Times
//     are those of the wall clock in timeZone: a time that a change of the
//     clock skips moves later by as much; of a time that occurs twice, the first
//     counts. A window that this leaves without time does not open that day.
//     windows can also name a calendar.
//  54. limits.perInstance: at most max runs of the flow begin on one instance
//     within any window; further ones are refused. One alert says so, and no
//     other until a run has begun again. Default: 30 in 1h.
//  55. limits.fleet: once maxFailures runs failed or timed out within window,
//     on any instances, no run begins for resumeAfter. Opening and closing
//     alert once each, however many functions see it.
//  56. A flow in dry-run sends nothing and alerts nobody. A rehearsal of it is
//     recorded in place of a run: its steps are planned, maybe, skipped or
//     invalid, and never succeeded. It counts towards its own limits.
//  57. A run stores its definition and its event, and keeps to them even if the
//     file changes. Its record keeps them for a retry.
//  58. At most 30 flows start from one event, and no more than fit into one
//     commit of 3 MB with it. The rest is stopped, and one alert says so.
//  59. What refuses or drops the run of an event refuses a start by hand, and so do
//     a when that is false and inputs that are unknown, missing or wrong. The answer
//     says why, nothing is recorded, and the same start can come again; so it can if
//     ECS must be asked about the instance and gives no answer. What lets a run wait
//     lets it wait. A start begins one run on each instance, however often
//     it is delivered. Its commands wait for the instance as those of any flow do.
//
// # Time
//
//  60. timeout is how long a run may take from its first step on: 1m to 336h,
//     default 24h. After that, the command under way is stopped, and the run
//     ends as timed_out as soon as that command has ended. onFailure and
//     finally each have as much time again. A command whose end is known before
//     it is asked to stop ended by itself, even after the timeout: if it was the
//     last step's, the run has not timed out.
//  61. A step's timeout, 10s to 336h, is the same for one step with all its
//     attempts, their waiting included: it ends as timed_out, unless the
//     command succeeded before it could be stopped. If the run's timeout has
//     passed by then, too, the run has timed out.
//  62. A run's timeout (Cloud Assistant's own) is 10s to 24h, default 60s.
//  63. schedule has a cron of five fields (minute, hour, day of the month, month, day
//     of the week; names such as mon and jan will do; with both days restricted,
//     either suffices) and the timeZone of its times. A time that a change of the
//     clock skips moves later by as much; of a time that occurs twice, the first
//     counts, unless the hour is *. A flow on schedule says with instances where it
//     starts; name: '*' is everywhere.
//  64. A sweep finds each tick, at most 10 minutes late. One that is found later was
//     missed: with missed: skip, the default, it is left out; with once, the flow
//     starts once for all that were missed, unless a later tick is due as well. While
//     everything or the flow is stopped, no tick is found. The ticks of a schedule
//     count from the first sweep that knows it: one that is new, or was changed,
//     starts nothing for an earlier time.
//  65. At a tick, the flow starts on the instances that ECS lists then and that fit,
//     once on each, whoever sweeps. It is tried for an hour. Then event.time is the
//     tick's, event.id and the rest are as with a start by hand, the inputs are the
//     defaults, and run.depth is 0. A run that is refused or dropped is recorded, as
//     that of an event; of a when that is false, the log has the reason.
//
// # Records
//
//  70. Every event's record names the flows that it started, refused or
//     stopped, and why, and why not the others, up to 8 KB; and the values of
//     instance.* (but for id) and event.failedBefore that instances and conditions
//     read.
//  71. A step's record names the input that made it begin and the one that
//     ended it, its tasks, and how it ended; a task's and an execution's
//     record name the run and the step, so that causes can be walked both ways.
//  72. What was captured, event.output too, is dropped from the record when the run
//     ends.
//  73. A run's record names the version of the flows that it was started with: 12 hex
//     digits, the same for every file that compiles to the same flows. A retry, which
//     keeps to the definition of its run, keeps the version, too.
//  74. A backtest plays the recorded ends, boots, starts by hand and ticks, and people's
//     stops, through a file's flows, by the code that decides, and does nothing. A run
//     goes as the record of the same run says, if that began and has the same steps;
//     otherwise as a rehearsal of it, whose commands end at once.
//  75. In a backtest, the end of a flow's own command counts if its run goes as
//     recorded. Otherwise it is left out, and the end that the rehearsal assumes takes
//     its place. What cannot be known is counted, and never guessed.
//
// # Mistakes that are found before deploying
//
//  80. Steps that nothing reaches: behind a stop without a when, unless a step
//     jumps there.
//  81. Cycles: flows whose commands can start each other, or themselves, as far
//     as their conditions on commandName, commandId and run.depth show, and on
//     instances that both are for.
//  82. Shell syntax, for scripts of sh and bash.
//  83. Parameters that a script never mentions, and variables that it uses
//     although neither it nor a parameter sets them and they have no default.
//  84. Limits of Cloud Assistant: a script has at most 24 KB as base64 with its
//     parameters, a name at most 93 characters, a working directory 200, a
//     username 255.
//  85. Words that a field can never have, in comparisons of
//     event.invocationStatus, steps.<id>.status, instance.state and event.kind,
//     which is one of the flow's on.
//  86. Routes that alerts.yaml does not have. An alert whose route is gone, since
//     that file was deployed later, goes where the routes' matches put it.
//  87. Every message says what to write. What the parsers of YAML and of
//     expressions say is put into words of this format.
//  88. What is always wrong is a mistake, such as the output of a step that does
//     not capture, which is always empty, or one of event, inputs or steps that is
//     compared with nil. So are comparisons of one value with literals that never hold
//     together, with each other or with instances, and two that cannot both be false.
//     What is probably not meant is a warning, which keeps no file from being
//     compiled; with --strict it is a mistake: int or float of a field of text
//     (unless matches asks it first); a whole output compared with text, without
//     trim; * in a comparison; regions and error codes in another letter case;
//     {{x}}, $event.x and ${x} where nothing replaces them; a script that reboots
//     after every boot, if no when, limit or condition of the script guards it; a
//     script for Windows where nothing asks instance.os or instances.os, and one
//     for Linux where nothing does either and the flow is for any instance (its
//     when names no command and no instance) or is for Windows, too; a script for
//     another system than the instances'; a comparison that never holds where it stands,
//     by the flow's when, by what starts it (run.depth is 0 unless a command does), or
//     because the run would have ended; texts in an order, such as x > "80"; an input
//     or captureEvent that nothing reads; other patterns than * and ? in instances; a
//     schedule that the flow's own limit or windows refuse; a window as long as a day; a
//     jump to the very next step; a tag in a text, where it may be missing; and what
//     hints.txt of package wording says of alerts, parameters, scripts, crons and zones.
//     A calendar whose last day has passed is a note.
//  89. What looks like a secret (see package mask) in a parameter, a script or the
//     text of an alert, and is not computed there, is a warning, which does not
//     show it.
//
// # Rehearsals
//
//  90. A rehearsal (explain, dry-run, the cases of 'aftercare flows test') plays a
//     run by the code that runs it, and does nothing. It assumes that every command
//     succeeds, or ends as the case says; that what is printed fits into
//     parameters; and that a boot comes when a step waits for one. What a step
//     captures is unknown, and so is event.output, unless the case or --output says
//     what is printed.
//  91. What follows from an unknown value is unknown, too, unless it is the same
//     for every output: false && x is false. It is kept whether it can always be
//     evaluated: a comparison with text can, int(x) cannot. A text says what its
//     unknown parts depend on, in their place.
//  92. A step is planned if it begins and succeeds whatever is printed, skipped if it
//     never begins, and invalid if it always ends so. Otherwise it is maybe, and the
//     reason names the steps whose output decides, and how: by its own when, or by a
//     step before it that may end the run or may end as invalid. The same
//     holds for the run's result.
//  93. Each answer to what is unknown is followed as a course of its own, at most 6
//     of them in a row and 150 in all. Behind what was not followed, all is maybe.
//  94. A status has its reason wherever it is shown. That of a run names the step
//     that decided, and has that step's own reason. A clause that was false, could
//     not be evaluated, or made a step end the run has the values that it read, but
//     for steps.<id>.output, event.output and event.errorDesc: they can hold secrets.
package flow
