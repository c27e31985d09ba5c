// Package decide decides what Aftercare does about one instance: what changes,
// what to send, whom to alert, and when to look again. It is pure: the same
// state, input, facts and moment give the same decision. The package knows
// neither Tablestore nor the SDKs nor Function Compute.
//
// This comment is the specification of the heart: of this package and of package
// engine, which loads a state, lets Decide decide, commits, and acts. Each rule
// has a number, and each number is named by a test, as (decide rule 12).
// [engine] marks what package engine keeps, [assistant] and [handler] what those
// packages keep; all else is kept here. How rows are stored is in package
// ledger, what flows do is in package flow.
//
// # One actor per instance
//
//  1. A decision depends on the instance's State, the input, the Facts, the Policy and
//     the Moment, and on nothing else. It never changes what it was given. So a decision
//     whose commit fails is forgotten, and made again.
//  2. An input is handled in this order: load the state; decide; get what the decision
//     needs to know, which is nothing for most inputs, and decide again; arm a wake-up if
//     one is needed; commit; do the sends that the commit claimed, and commit their
//     results; then the same for its messages. [engine]
//  3. The guard: a commit carries the rev that was read if it changes a live row, or if
//     its record or answer says something about live rows, such as that a task is not
//     there. It lands only if nothing else has landed since.
//  4. One kind of commit goes without the guard: an execution's record alone, if its
//     command bears no marker, no task has or may have its invoke id, no live row
//     changes, and no condition that was evaluated read instance.* or event.failedBefore:
//     those values are kept in the record. So the ends of others' commands never
//     conflict.
//  5. After a conflict: pause, then load, then decide again. A pause between the load and
//     the commit would make the next conflict likely. Conflicts are met until only the
//     time to commit results is left; then the input fails. [engine]
//  6. A handler fails only while its input is not committed, so that it is delivered
//     again. After the commit it succeeds: what is left is stored, and has a wake-up.
//     [engine]
//  7. An input that can release, expire or cancel nothing does not read the queue: its
//     rows sort last, and live/! keeps their count and when the first of them expires. So
//     an end costs the same however many commands wait. [engine]
//  8. A decision says what it needs to know beyond the live rows: the queue, the agent's
//     status, invocations, outputs, ended tasks. The engine gets that and decides again
//     with the answers; it never works out itself what is needed.
//
// # Once
//
//  10. What must not be handled twice has a once row, which a commit can only add: an
//     execution, a submission, a cancel, and a heartbeat that raises the boot sequence,
//     under its business id or else its source and id. Wake-ups, results and other
//     heartbeats can be repeated without harm.
//  11. A failed commit does not say which condition failed, and one of unknown outcome
//     may have landed, or may land later. So every commit has a random id, which is in
//     its once row and in its claims, and after either the once row is read. If it has an
//     id of this invocation, that commit landed, and its decision gave the answer. Any
//     other id means a duplicate. Without a row, the input is decided again on what a
//     load shows. If the commit landed all the same, its claims are among that, and rule
//     22 holds. [engine]
//  12. A duplicate gets the answer that the first one got. The same dedupeKey with
//     another body is refused. [engine]
//  13. A refusal is not stored, so that the same key can be accepted later. Before it is
//     answered, the once row is read: if the input was accepted before, that answer
//     stands. [engine]
//  14. Ids are derived from what they identify, and never random, so that deciding again
//     gives the same ones: a task's from its input or its step's attempt, a run's from
//     its flow and its input (for a heartbeat, the boot sequence), a send's from its task
//     and attempt. Their form never changes, because they are stored.
//
// # Sends
//
//  20. A command is planned as a send and stored before it is sent. The send's key is the
//     ClientToken and the tag of every try, so Cloud Assistant runs it once. The task's
//     attempt is part of the key, and rises only after a known end.
//  21. A claim is the right of one invocation to do a send: a commit id, and a time until
//     which nobody else may claim it, which is the invocation's deadline and 60 s.
//  22. An invocation does exactly the sends that a load or its own commit showed claimed
//     by its commits, each once per claim, and none whose task is gone. [engine]
//  23. firstSent is when a command may first have reached Cloud Assistant; zero means
//     that it has not. A claim sets it. A result that shows that nothing was sent
//     restores the value from before the claim, unless another try of the same invocation
//     had an unknown outcome.
//  24. A send that may have been sent under an earlier claim is first looked for by its
//     tag. If it is listed, it was sent; if not, it is sent again, with the same token.
//     No answer, or half a listing, proves nothing. [engine, assistant]
//  25. Nothing is sent again an hour after firstSent: the token may have expired, and the
//     command would run twice. If the command is still not listed, or the question is
//     refused for good, its task ends as outcome_unknown, with an alert.
//  26. A send of unknown outcome keeps its claim until the claim ends. Then rule 24
//     holds.
//  27. IdempotentParameterMismatch means that the token was accepted before. The command
//     is looked for; if it is not listed yet, the outcome is unknown. [engine]
//  28. Nothing is sent after the invocation's deadline, and a handler returns only when
//     all its goroutines have ended: a function instance that is frozen and thaws must
//     not send. [assistant, handler]
//  29. Results change only what they find, under the guard. An end that came first has
//     moved the task and removed the send, and results bring neither back. That a command
//     was sent, or refused for good, is true whoever holds the claim by now; any other
//     result counts only under its own claim.
//  30. That a command runs once per send rests on four assumptions, and on no other. An
//     accepted command stays listed for the hour of rule 25. A token lives at least one
//     function invocation and 30 s longer than an accepted command can stay unlisted. The
//     clocks of function instances differ by less than 30 s. A request in flight at an
//     invocation's deadline lands less than 30 s after it, or never.
//  31. A command's text has a row of its own, which is read beside the wake-up by the
//     commit that claims its run or invoke. If it is missing, the state is loaded again;
//     if the rev is unchanged, the task ends as invalid, with an alert. [engine]
//
// # Refusals and order
//
//  35. Commands are released by priority, 9 first, then by the time of their submission,
//     and only while the instance is bootable; at most 20 in one commit. One that was put
//     back keeps its place.
//  36. What concerns every command of the instance holds all of them back, so that none
//     overtakes another: a throttled minute, a daily quota, an instance that is down or
//     runs too many tasks. What concerns one command delays or ends that one alone.
//  37. A command that is refused for good ends as invalid, with an alert. One that is
//     denied for want of a right is tried until it expires, with one alert.
//  38. What was throttled waits for the next minute of the clock, what met the quota for
//     the next day of UTC+8, each with a jitter. Anything else waits half a minute to a
//     minute, doubled with each try up to an hour; how long in between, its key decides.
//     A boot ends the waits of commands that were certainly not sent, but not for the
//     rate or the quota.
//  39. The service's rate is the account's, and other tools share it. So each function
//     instance has room for a number of commands in a minute. Room is taken before a
//     claim, and until its command is sent it counts in every minute; what is not used is
//     given back. A refusal for the rate or the quota closes the room until it is over,
//     for every instance and before any further claim. [engine]
//
// # Messages
//
//  50. News for others (an alert, a failed run to count, a breaker to close) is a
//     message, planned and stored, then delivered at least once. It is never overwritten:
//     its row is named by what it is about and the rev that planned it, and a result
//     removes exactly the row that it delivered. The same news is not planned again while
//     it is on its way.
//  51. Messages hold up nothing. Sends go first; then all messages of an invocation are
//     delivered side by side within 3 s, and what is left has a wake-up. A sweep does so
//     for each instance, until those of one take all their time: then it leaves the
//     others' messages to the next one. [engine]
//  52. A message that fails waits as long as in rule 38. A refusal for rate is no try.
//     Nothing is given up within a day; after that, a failure moves the message to the
//     records.
//  53. An alert's fingerprint is the same in every delivery. It is delivered once it is
//     in the inbox; the function alerts brings it to people. Its kind says how severe
//     it is, unless the flow's step does. A critical one wakes that function when all
//     else is done. [engine]
//  54. An alert about what lasts has a row until that is over. A command that ended
//     badly, expired, was refused or has an unknown outcome lasts until it succeeds,
//     or the step that sent it does; one that is denied or missed its boot deadline,
//     until it is sent or waits no longer; a flow's limit, until the flow begins
//     again; the alert of a flow's step, until the command whose bad end began the run
//     succeeds, or, if the run had failed, until a run of the flow does. The alert's
//     key is what it is about and where it goes. So a later one like it is a newer
//     version of the same alert, and what ends it plans a recovery that goes where it
//     went.
//  55. What happened before does not end it, and a failure older than the one that was
//     told is not told. A failure that comes after a newer success is told as over: for
//     that, the instance's newest 100 records are asked beside the wake-up. [engine]
//  56. While a command is tried again, it raises no alert, unless its flow says
//     alertOnRetry. The last try's bad end does, or the last bad end if no other try comes.
//  57. At most 50 alerts are followed on an instance. The oldest beyond that is told to
//     be no longer followed. The instance's end is the end of all.
//
// # Tasks and their ends
//
//  60. A task is queued, releasing (its send is planned), running (Cloud Assistant
//     accepted it), and then ends. Its text and its sends go when it ends.
//  61. An end belongs to the task whose marker its command's name bears, unless another
//     invoke id is stored for that task; else to the task with its invoke id. So an end
//     that overtakes the result of its send finds its task.
//  62. The end of a saved command bears no marker. If a send whose invoke id is unknown
//     may have started it, Cloud Assistant is asked for its tag. Without an answer, the
//     end is recorded all the same, and waits as unmatched until the invoke id of every
//     such send is known, for an hour at most; then it counts as another's.
//  63. An end that finds its task late completes its record, once.
//  64. A task ends as the end's status says. An unknown word is a failure.
//  65. Not started is not done: after an error code that says that the script never ran,
//     the task is queued again, for at most 3 attempts, and the instance is in doubt,
//     unless it has booted since. A task that is to be stopped, or that belongs to a
//     flow's step, ends; steps have their own retries.
//  66. TaskConcurrencyLimit says nothing about the agent and costs no attempt. The
//     instance's commands wait for a while.
//  67. When a running task is overdue by 3 minutes, Cloud Assistant is asked about it,
//     for at most 20 tasks at once. If it has ended, that counts as its event, and the
//     event is a duplicate if it comes after all.
//  68. A running task ends as lost only after three empty answers in a row over at least
//     an hour. One empty answer proves nothing, and an error is no empty answer.
//  69. A task that was certainly not sent ends as expired when its time is over, with an
//     alert. Any other has an end of its own.
//  70. A cancel ends a task that was certainly not sent. If it may have been sent, it is
//     looked for and stopped, and never sent again.
//  71. An execution that finished longer ago than half the tables' time to live is
//     recorded, and starts and alerts nothing: the rows that would show that it was
//     handled before may be gone.
//  72. At most 200 tasks wait for an instance; further submissions are refused.
//  73. An end whose marker names no live task is looked for in log/task/, in one read
//     with its own record. If its task has ended, the chain in that record counts, so
//     that an end that comes after its task was given up starts no loop.
//
// # Boots
//
//  75. A boot began at the time of its heartbeat less the uptime. Times that differ by at
//     most 60 s and uptime/5000 are of the same boot. A newer boot raises the sequence by
//     one, an older one changes nothing. The same boot's changes nothing but to end a
//     doubt that is older than the heartbeat: each restart of the agent sends one.
//  76. A missing time is not zero. A heartbeat without an uptime raises the sequence only
//     if no boot is recorded, and so does one that has neither a time nor an id;
//     otherwise they only end a doubt.
//  77. A heartbeat that makes the instance bootable releases what waits. Submission and
//     heartbeat go through the same rev, so one of them sees the other, and nothing waits
//     for ever.
//  78. While tasks wait for an instance that is not known to be bootable, its agent's
//     status is asked, first after 2 minutes, then half as often each time, and each hour
//     at least: it may be too old to send a heartbeat, or may never send another. A flow
//     that sends a command on the end of a script within the last 2 minutes takes that
//     for a heartbeat.
//  79. A reported time decides about order only up to 5 minutes ahead of its receipt; a
//     later one counts as received now. Otherwise one wrong clock would outrank every
//     later event. The record keeps it as it came.
//
// # Flows
//
//  80. A run is started once for each flow and input, however often its end is delivered,
//     or found late. Each task carries the chain of the flows that led to it, and hands
//     it to the flows that its end starts (flow rule 50).
//  81. What is remembered of an instance is bounded: a flow's starts and failures are
//     kept as long as they count, and at most 100 failing commands: beyond that, the one
//     that failed longest ago is dropped. One that is well again is dropped after an
//     hour.
//  82. A failed run is counted for its flow's breaker at its own time, even if a sweep
//     counts it later, and once. The run that opens the breaker plans the alert of its
//     opening and the end of that alert. A resume and the end of a breaker's time begin the count
//     anew. [engine]
//
// # The stop switch
//
//  83. Stops and breakers are read beside each load, once for an invocation and within 5
//     s. A claim relies on none that were read more than 5 s ago. [engine] If they cannot
//     be read, every input is committed all the same, but no command is claimed, no run
//     takes a step, and a flow that matches waits.
//  84. A stop holds every run and invoke of its scope: of everything, of a flow's runs,
//     of an instance, or of the tasks that bear a label. The steps of flows bear none. It
//     holds nothing else: ends, boots, submissions and cancels are committed, and
//     commands are stopped and looked for to be stopped.
//  85. What a stop holds is looked at every 5 minutes, so that a resume needs no list of
//     it. Timeouts and expiries keep running.
//  86. A flow that a stop holds starts no run, and its record says so: a run keeps the
//     definition that it began with, which may be why it was stopped.
//  87. A stop takes no claim back. Once it is answered, only an invocation under way
//     still sends what it has claimed, and claims nothing more 5 s later. [engine]
//  88. Stops and resumes are carried out once each, however often one is delivered. The
//     stop of what is stopped changes nothing, and its answer names the earlier one. A
//     resume ends the stop of exactly its scope; of a flow, it also closes the breaker.
//     Each leaves a record. [handler]
//
// # Wake-ups
//
//  90. One function says when something in the state is due, and everything else asks it.
//     What is due but did not fit into the commit is due now.
//
//  91. A wake-up is armed before the commit that needs it, or nothing is committed. It is
//     due when the invocation's claims end, or later, rounded up to a minute: a sweep
//     that came earlier could take it away before the commit lands. An armed one is
//     relied on only if it lies between that and the time when the work is due. [engine]
//
//  92. A commit of results may arm an earlier one: until it lands, a sweep finds the
//     claims that it settles. After the last commit, too, an earlier one is added for
//     what is due before the armed one. [engine]
//
//  93. Only a sweep removes a wake-up: after a load that showed no work that needs one,
//     or after it armed the next. One that failed moves to a later minute, behind the
//     others. [engine]
//
//  94. A sweep gives one instance at most 10 s, so that a few slow ones cannot stop it.
//     It is complete only if nothing failed and nothing is left. It reads stops once.
//     [engine]
//
//  95. A sweep spreads its commands over its time. An instance that finds no room is put
//     aside, holds up nobody, and is visited again. Its wake-up says how many commands
//     wait, and until when nothing else is due: until then no sweep looks at it without
//     room, so a long backlog costs no more calls for each command than a short one.
//     [engine]
//
//  96. A dead event path must not hide behind its repair. All sweeps count together ends
//     that no event reported, agents up again without a heartbeat, and sends of which
//     nothing was said. So many of a kind within an hour as the policy says raise an alert,
//     until an hour has fewer. 3 ends within 15 minutes do so at once if no event reported
//     one then, until one does. [handler]
//
// # The size of a commit
//
//  100. A commit has at most 200 rows and 3 MB. Its size is measured: each unit of a
//     decision is tried, and undone if the commit outgrows that. A unit that is alone in
//     its commit is always done.
//  101. What did not fit follows in the next commit of the same invocation, until all is
//     done, or the time is up.
//
// # What comes in
//
//  110. An array is many inputs: up to 32 instances are handled side by side, the inputs
//     of one in their order. All inputs are committed before the first send, and all
//     sends are done before the first message. [engine] Each delivery begins with another
//     instance, chosen by the request id and Function Compute's count of retries, so that
//     no instance is always the last. [handler]
//  111. A payload, or an element of one, that no redelivery can repair is kept in
//     quarantine with the reason, and acknowledged; if it cannot be kept, the handler
//     fails. Events that a setting refuses, because they lack an envelope, an account or
//     an id, are kept there, too. [handler]
//  112. Whoever may invoke a function is believed. But an end of Aftercare's own task
//     that came without an envelope counts only if DescribeInvocations confirms it, and
//     then as that says.
//  113. What looks like a secret is masked before it is kept or decided on: in what an
//     event says, in an output that is captured, in a submission's names and reasons. A
//     command's script and parameters are kept as they are until it has ended.
//
// # The instance's state
//
//  115. Of two changes of an instance's state, the one with the later event time is the
//     newer, however they come. An older one changes nothing, and neither does a state
//     that is not known.
//  116. If two changes have one time, or one has none, ECS is asked for the state. If it
//     gives no answer, an instance that may be down is in doubt. Deleted needs no answer:
//     it is the last state.
//  117. A change that is not newer than the recorded boot changes nothing; of an instance
//     without one, not newer than the agent's last sign.
//  118. Stopping and Stopped end that the instance is bootable: what waits then waits for
//     the next boot. A heartbeat, or the end of a script, makes it bootable only if its
//     boot, or that end, is newer than that. An older boot is recorded all the same.
//  119. A start does not make an instance bootable, but for a task that waits its agent
//     is asked about from the first again. If a start is over a minute newer than the
//     recorded boot, and newer than the agent's last sign, the instance was down in
//     between: it is in doubt.
//  120. ECS says for two minutes that an agent is up which is not. So its answer counts
//     only if the agent was seen after the newest change of state that is known, and
//     after the instance was last in doubt or found down. An answer that it was seen
//     only before that does not find it down; nor does a missing answer. One that does
//     not say when the agent was seen counts as two minutes old; when it last ran a
//     command says nothing about the agent. An agent lives on while its instance is stopping: for 5
//     minutes after Stopping, neither its heartbeats nor the ends of scripts make the
//     instance bootable; a new boot does at once. Otherwise it is asked again.
//  121. Deleted ends every task that was certainly not sent, with that reason and an
//     alert. Nothing more is accepted for the instance, and it leaves the fleet.
//
// # What an instance is
//
//  124. Its operating system, name, tags, region and zone are learned of ECS once, and
//     again after each boot, by the next wake-up, which is armed for that 5 minutes after
//     the boot unless one is due within the hour. So a boot costs one call more at most,
//     and a storm of boots does not use up the account's rate of DescribeInstances.
//     Without an answer, ECS is asked again after 2 minutes, then half as often each
//     time, 6 times in all. The agent's version comes with the heartbeat, or with the
//     answer about its status.
//  125. An expression that is evaluated for an event, and reads one of these that is not
//     known, or tags that are a day old, has ECS asked about it: in the event's own
//     invocation, and once. No other event makes a call for this.
//  126. Without an answer, what is not known is nil. ECS is given 3 s, and after a
//     refusal nothing more is asked in the invocation. [engine]
//  127. Instances that are handled side by side are asked about together, up to 100 in
//     one call, and one call at a time. [engine]
//
// # What a submission says about its time
//
//  130. A task is not released before its notBefore, and holds up no other until then. A
//     spread shifts that for each instance by a part of it that the instance's id
//     decides. Expiry and boot deadline count from then.
//  131. If the instance is not bootable by a task's boot deadline, an alert says so once
//     and the task waits on; or the task ends as expired, with an alert; or it is
//     released all the same. Before the deadline counts as missed, the agent's status is
//     asked. A heartbeat that was sent after the deadline is too late.
//  132. A task may wait until its instance is bootable; or be refused unless the instance
//     is known to be bootable, which its agent is asked; or be released in any case. One
//     that was released in any case and never started waits, like any other.
//  133. The instance's row keeps what is due first among the queued tasks: when one
//     expires or reaches its boot deadline, when one may be released, and whether one is
//     released in any case. So nobody reads the queue before that.
//  134. A policy may limit how many tasks of an instance are released or run at once.
//     Others wait for their ends.
//
// # Cancels
//
//  135. A cancel is for one instance, and means a task, the task of a submission, the
//     tasks with a label, a flow run, or all tasks that wait. The commit that
//     acknowledges it ends each task that was certainly not sent, or marks it so that
//     nobody sends it. So a heartbeat that comes at the same time releases none of them.
//     The others are stopped. The record of the cancel says who and why, and so do the
//     records of the tasks.
//  136. A flow run that is cancelled ends at once, and its command with it.
//
// # Which instances a submission means
//
//  137. An instance without rows is known only to ECS, which is asked in the submission's
//     own invocation. If ECS does not list it, the submission is refused. If ECS gives no
//     answer, nothing is decided: the submission fails, says so, and may come again.
//
//  138. A submission for several instances is kept before the first of them gets its
//     task, and what became of each is noted, 100 at a time. One that was killed, or
//     failed for some of them, is continued by its next delivery, and by a sweep once the
//     time of its invocation is over. An instance gets its task once: a second try is a
//     duplicate there. With the last answer, it is recorded as an act. When its tasks
//     would have expired, the instances that are left are refused, and one alert says
//     how many they are. If it comes again after that, only those that were refused
//     are tried again. [handler]
//
//  139. A selector finds its instances once: they are kept with the submission as long
//     as its key is remembered. So none joins it or leaves it when it is continued, or
//     comes again. None, or more than a submission takes, is a refusal. [handler]
//
// # Retries
//
//  145. A retry makes a new run of a flow run that ended, from the first step, with the
//     definition and the event that its record keeps, whatever the flows are by now. What
//     the instance is like, it reads anew.
//  146. A retry begins as if the event had come now: it waits behind another run and for
//     a window. Where a stop, a breaker or a limit would refuse that run, the retry is
//     refused, with what ends that. So is one of a run that has not ended, or that has
//     no record.
//  147. The record of the retry says who and why, and the new run's names the run that it
//     repeats.
package decide
