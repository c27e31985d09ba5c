// Package dispatch brings alerts from the inbox to the channels: it gathers them
// in groups, makes a flush of what is new in a group, and gives each flush to each
// channel until that confirms. Several functions may do this at once, and each may
// be killed anywhere.
//
// Its rules, each named by a test:
//
//  1. A letter is an alert in the inbox with its rev. It is a member of each group
//     that the routes name. It is removed once it is in all of them, if its rev is
//     still the same.
//  2. A group takes a member that it lacks, or whose rev is higher than the one it
//     has. So a letter that is read twice counts once.
//  3. A group is changed by one atomic batch, under the condition that its rev is
//     the one that was loaded.
//  4. A group is armed before the commit that gives it something to do. It is
//     disarmed after a commit that shows that nothing is left, and only if nobody
//     has armed it since that visit began.
//  5. What is new is sent after the route's groupWait, and not earlier than
//     groupInterval after the last flush. A critical alert is sent at once.
//  6. A flush takes all members that are in none yet, by as many commits as it
//     needs. The last one seals it. Only a sealed flush is given to channels, and
//     nothing joins it then. Its counts are exact.
//  7. While a member is open, its group is sent again after repeatInterval, if
//     nothing else was; but not later than 7 days after its last news. News that
//     wait then come in place of the repeat.
//  8. A channel that confirmed a flush does not get it again. One that did not is
//     tried again alone, with the same id, after a pause that doubles.
//  9. A channel takes the flushes of a group in their order.
//  10. A channel is given a message only in a slot of its own. Slots are as far apart
//     as the channel's limit says, for all functions together. One that is over by
//     30 s is not used.
//  11. A refusal for rate is no try. It closes the channel until the time that the
//     channel says, for all groups.
//  12. What a channel did not confirm for a day is given up for that channel, and
//     recorded. So is what goes to a channel that no longer exists.
//  13. If a channel has not confirmed after 10 minutes, the fallback channels of the
//     route get the flush, too.
//  14. While a route is muted, its groups make no flush. What came meanwhile is told
//     once it is not, in one flush for each group. A flush that was made before
//     goes on.
//  15. What a silence fits makes no message while it holds: no flush and no repeat
//     tells it. It stays a member, new or told before, and counts in neither. What
//     its group tells beside it is told with exact counts. A flush that was made
//     before goes on.
//  16. When no silence holds it anymore, what is still open is told, and so is the
//     recovery of what had been told before. What is over by then, and what has no
//     recovery to come, is never told, and neither is its recovery. A repeat comes
//     then, if silences held all that it would have told.
//  17. The silences are read in each round, and again when the reading is older than
//     5 s, or lacks one that is known to hold something. So one that somebody adds or
//     ends early takes effect within a round. While they cannot be read, nothing is
//     told.
//  18. An acknowledgement covers what its group had told and is open: that is not
//     repeated, and not told again when it fires again, until it recovers. All else
//     in the group is told, recoveries too. It ends when all that it covers has
//     recovered.
//  19. A channel that takes for recovered what is not repeated gets the repeats all
//     the same, and no other channel gets these.
package dispatch
