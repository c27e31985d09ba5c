// Package ledger keeps Aftercare's state in Tablestore. It is the only package
// that knows the tables and the SDK; it does not interpret the state.
//
// This comment is the specification of the store. Each rule has a number, and
// each number is named by a test, as (ledger rule 12). Why rows exist is in
// package decide. Rules that every engine.Ledger keeps are tested in
// ledgertest, which the fakes of tests must pass, too.
//
// # An instance's rows (aftercare_instances)
//
//  1. All rows of an instance share one partition, pk: 4 hex digits of the MD5 of
//     its id, which spread instances over the key space, a colon and the id. So
//     one atomic BatchWriteRow can change any of them at once, or none.
//  2. live/! is the instance itself, and the first of its live rows in key order on
//     purpose: rows that are read after it are at least as new. So if a commit
//     lands during a load, a commit on what was loaded meets a conflict.
//  3. A load reads live/ only, so its cost grows with the open work and not with
//     the history. A live row that cannot be read, or is of an unknown kind, is an
//     error: without it, a decision would be wrong.
//  4. The other live rows are live/~queue/<9 - priority>/<submitted ms>/<task id>,
//     which sorts in the order of release and behind all others, so that a load
//     can stop before it, live/task/<task id>, live/send/<key>,
//     live/message/<key>/<rev>, live/flow/<run id>, live/unmatched/<invoke id>,
//     live/limit/<flow>, live/failing/<key of the command's name>, live/alerted/<key of an
//     alert that is not over>, and, where sweeps count, live/repair/<kind>. A task that
//     leaves the queue has another key: its old row is removed in the same commit.
//  5. Records for people are log/task/, log/flow/, log/boot/ and log/message/, each
//     with its id; boots sort by their number. log/act/<ms>/<key> is what a person
//     did; acts on no single instance are in the partition of ~acts, as if it were
//     one. log/exec/ and log/input/ are once rows, and records, too.
//  6. text/<task id> holds a task's command, and no other row does but for the flow
//     of a run. It is put with the task and deleted when the task ends.
//
// # Commits
//
//  10. A commit is written whole or not at all. Its guard is a condition on live/!:
//     rev is the one that was read, and missing fails. It writes rev + 1.
//  11. An instance's first commit ignores whether live/! exists, and its condition
//     holds only without a rev: an expired row, which the service has not removed
//     yet, blocks nobody. It writes the time in milliseconds as rev, so that revs
//     of an instance never start again.
//  12. A once row is put only if it does not exist: log/exec/<invoke id>/<suffix>,
//     where the suffix is "once" or identifies one run of a schedule, and
//     log/input/<key>. It holds the commit's id; an input's row also the answer
//     and the hash of the request. A once row alone needs no guard.
//  13. A commit that no batch takes is refused without a call: more than 200 rows,
//     4 MB, 2 MB in a column, or a row twice. The largest decisions fit.
//
// # Versions
//
//  20. Every row of an instance carries the version of its schema, in column v.
//  21. A row of a later version is read. When it is rewritten, or moves to the log,
//     it keeps its number, and the columns and JSON fields, at any depth, that this
//     version does not know. What is unknown within a known part goes with it when
//     this version drops that part. What the lists say of a row is made anew.
//  22. So does a row of no instance that is read and rewritten: a concern, a
//     submission, a stop, a silence, a channel's, a group's, a flush's, a member's. An
//     alert takes it along from row to row. A row that is put without having been
//     read is the writer's own: a wake-up, a mark, a letter in place of an older one.
//
// # Answers and errors
//
//  30. The absence of an error is not success. An answer counts only if it carries
//     the MD5 of its body, and a batch's only if it has as many rows of each table
//     as were sent. Anything else is an unknown outcome; a page of rows that was
//     cut off would read like the last one.
//  31. A commit whose outcome is unknown is never sent again by this package, nor by
//     the SDK, which would do so after transport errors. What had no effect, reads,
//     and writes that may be repeated are tried again until the time is up.
//  32. Errors are those of package engine: conflict, unavailable, unknown outcome,
//     denied, invalid. They show the service's code, or in our words what went
//     wrong, and never a URL, a key or a signature, which the SDK's texts contain.
//  33. No call begins after its context has ended, and each try has a time limit of
//     its own.
//  34. A missing table is named, with the command that makes it.
//
// # Tables
//
//  35. Rows live as long as their table says, 35 days at least: a task may wait for
//     half of that, and Cloud Assistant keeps its records for 30 days. A table with
//     another key or time to live than asked for is an error.
//  36. A table is made if it is there afterwards: even a good answer to CreateTable
//     is empty, and proves nothing.
//  37. A row beside the concerns says for which schema the tables were made, and by
//     which version. Who makes tables puts it, or makes nothing if it is of a later
//     version, and who reads stops hears of that, without a call. It is renewed as a
//     stop is.
//
// # Wake-ups (aftercare_wakeups)
//
//  40. A wake-up is a row of the instance's shard, its due millisecond and the
//     instance. Arming and removing it may be repeated. Arming it again replaces what
//     it says about commands that wait for room.
//  41. Those that are due at or before a time are read shard by shard, the oldest of
//     each first, a page at a time, until the reader has enough.
//  42. Shards are read in a circle from a random one on: in a sweep that is too
//     short for all of them, none is always the last.
//
// # What no instance owns (aftercare_shared)
//
//  50. Stops and breakers are rows of one scope, read together in one call. A row
//     that cannot be read or is of an unknown kind is an error, because it may be a
//     stop. A stop replaces even a row that cannot be read, and a resume removes it.
//  51. Failures are counted by rows, never by a number that is raised: one for each
//     time and run of a flow, so that a repeated count adds nothing. A run counts
//     once, at most 1,000 rows are read, and their times begin at a given one and
//     lie after the last reset. A resume resets the count, and so does the closing
//     of a breaker, for the failures until its time was over; each before it
//     removes the breaker, and none replaces a later one.
//  52. Whoever replaces or removes a row does so on the condition that it is the one
//     that was read, by its column key, which no other row of the same name ever
//     had. So a request that comes late harms nothing newer.
//  53. Of many who open a breaker at once, one does, and of many who close it, one.
//     Each may repeat its call and gets the same answer, whatever fails.
//  54. A write whose outcome is unknown is made good by reading the row. If that
//     cannot be done, the error says that the write may have landed. After 8 tries
//     the row counts as contended.
//  55. A stop outlives its row: who reads one that was written more than 8 days
//     ago, a quarter of the shortest life of a row, writes it again, on the
//     condition that it is unchanged. A breaker ends by itself after 14 days at
//     most, and is not renewed.
//  56. Malformed names, keys and times are refused without a call.
//  57. An order, which is a stop or a resume, has a row of its own in the batch that
//     changes the stop, ~order/<key> behind all that is read with the stops. So it
//     is carried out once, whatever fails and however late it comes again. Then its
//     act is recorded, by each who finds that row.
//  58. A submission for several instances is a row of its own scope, put only if none
//     with its key is there, and rewritten with its answers. The first answer of an
//     instance stands. Another row, in the same batches, says that instances are left.
//     With the last answer, the submission is recorded as an act, and that row is
//     removed. The same one opens it again for the instances that were refused, and one
//     with another body takes its place.
//  59. When the last sweep ended is one row, which each sweep that did not fail puts
//     at its end. It shows that sweeps come; nothing else is decided on it. If the
//     put fails, the sweep does not. Before the first one, another row says since when
//     somebody waits for it.
//
// # Quarantine (aftercare_quarantine)
//
//  60. A payload is kept whole under its SHA-256, once however often it comes, in
//     parts of 1 MB. The first part is written last: if it is there, the payload is
//     whole. One that is not whole is not listed, and not read.
//
// # Lists
//
//  65. Tablestore keeps three global indexes of aftercare_instances, milliseconds
//     behind, and nobody else writes them. A row is in those whose columns it has.
//     aftercare_fleet (fleet: a shard, with a summary) has live/! of each instance
//     that an event or ECS reported, or on which work is open. aftercare_history
//     (hist: kind, month and shard, and at, with a brief) and aftercare_timeline (pk
//     and at) have the records of executions, tasks, flow runs, boots, acts and
//     given-up messages, each once. At is when it happened, but at most 5 minutes
//     after it became known. Executions, tasks and flow runs that did not go well have
//     a hist of their own, with a "!" behind the kind, so that what failed is found
//     without the rest.
//  66. The functions read the indexes only to find out whether a failure that came late
//     is over: without an index it counts as not over. If the service refuses a commit on a
//     table with indexes, which a probe on a table of its own finds out, the tables
//     are made without them: lists are missing, and all else works.
//  67. Rows of aftercare_instances are only put whole and deleted, because a table
//     with indexes and a time to live allows no updates. A record that is completed
//     later is read and put whole, with all that this version does not know.
//  68. Lists read their shards side by side. The list of the fleet is read whole, so
//     its summaries are small: less than 1 KB. The history is read backward, no
//     further than its reader goes, and nothing is counted.
//
// # Concerns (aftercare_shared)
//
//  70. A concern is a state of Aftercare itself that people must know of. It is a row
//     of a scope that sorts before that of stops and breakers, so that one call reads
//     both. One that cannot be read holds nothing back.
//  71. People are told once that a state holds and once that it is over, by letters with
//     one key and rising revs. First the row is changed, on the condition that it is
//     the one that was read, then the letter is put, then the row says so. Until it
//     does, whoever changes the concern, and each sweep, puts the same letter again.
//  72. A state that shows again while it holds is no news. That it was seen is noted
//     after 5 minutes at the earliest.
//  73. A state is over when a call shows that, or when it has not shown for a time that
//     its kind has. Sweeps see to that, and forget after a day what is over.
//
// # Alerts (aftercare_alerts)
//
//  90. A letter is a row of the instance's shard of the inbox and the alert's key. It
//     is put on the condition that none of the same or a higher rev is there, and
//     removed on the condition that its rev is the same.
//  91. A group is one scope. Its own row, with its rev, is first in key order, then
//     come its flushes, members in no flush, and members that were told. A read of
//     the group and its flushes reads no member.
//  92. A group is changed by one atomic batch on the condition that its rev is the
//     one that was read.
//  93. A member is in one place: a batch that puts it there removes it elsewhere.
//  94. A group that has something to do has a row that names it, with a time. Each put
//     of it has another key, so that only who saw the last one changes it.
//  95. Letters are removed by the hundred, each on its own condition.
//  96. A channel's row holds when its next slot is free, and is changed on the
//     condition that it is the one that was read. A put of unknown outcome loses
//     the slot.
//  97. What was given up is a message in the history, on no instance.
//  98. A silence is a row, put once under an id that its request gives, and changed
//     once, when it ends before its time. Its act is recorded by each who finds it so.
//     One of a version that knows more of it is not read: without what it says more,
//     it would silence too much.
//  99. A silence outlives its row as a stop does (rule 55): the function alerts writes
//     it again. 30 days after its end it removes it.
package ledger
