// Package routing says where alerts go: to which routes of alerts.yaml, in which
// groups, and how each group is told. It is pure: it reads no file and no clock.
// Package alertfile reads the file; package dispatch gathers the groups and sends
// what is in them.
//
// Its rules, each named by a test:
//
//  1. The routes are a tree. Its root, called default, takes every alert that no
//     other route takes. So each alert goes somewhere.
//  2. Of the routes beside each other, the first that matches takes the alert; if
//     it says continue, those after it are tried, too. A route gives what matches
//     to the routes under it, and keeps what none of them takes.
//  3. A route matches if every key of its match does. A key matches if one of its
//     patterns fits the alert's whole value. In patterns, * stands for any text and
//     ? for one character. A value that is missing fits no pattern, not even *.
//  4. An alert whose flow's step asks for a route goes to that route alone. If
//     there is no such route, the alert goes through the tree. A route that says
//     onlyNamed takes no others.
//  5. An alert and its recovery go to the same groups.
//  6. A group is the alerts of a route that have the same values of its groupBy.
//     The order of groupBy does not matter. The group's key has no dot.
//  7. The settings of a route that is not there anymore are those of the root.
//  8. A route is muted while one of its mute times is open, until none is.
//  9. An alert and its recovery have the severity that the file gives their kind,
//     whatever they came with, before any route looks at them. An alert of a flow's
//     step keeps its own. What wakes the function alerts is another matter: whoever
//     raises an alert does not read the file, and goes by the severity of its kind
//     or step.
//  10. A silence matches as a route does, and names at least one key. It has a reason,
//     and an end that is 90 days away at most.
//  11. An acknowledgement names a group and nothing else. It has no end: it covers what
//     the group has told, until that has recovered.
package routing
