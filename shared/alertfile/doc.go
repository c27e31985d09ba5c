// Package alertfile reads alerts.yaml: the channels that alerts go to, and the
// routes, mute times and templates. It is pure: it opens no file and reads
// no environment. Package routing holds the routes' rules, package yamlfile how a
// file is read.
//
// Its rules, each named by a test:
//
//  1. The file is YAML. It has the keys version (which is 1), channels, defaults,
//     and optionally routes, severities, muteTimes and templates. All mistakes are found
//     at once, each with its place.
//  2. The names of channels, mute times, templates and routes are 1 to 63
//     characters of a-z, 0-9 and -, the first not -. A route's is once in the file,
//     and not default.
//  3. A channel has the keys that its kind needs and takes, and no others.
//  4. No secret stands in the file. secret, and the url of a channel whose address
//     is its credential, are ${env:NAME} or ${file:PATH}. A mistake does not repeat
//     the value.
//  5. defaults are the settings of the root, and of every route that does not say
//     otherwise; a route inherits them from the route that it is under. A setting
//     is taken whole. Without defaults of their own, groupBy is kind, flow and
//     command, groupWait 30s, groupInterval 5m, repeatInterval 24h.
//  6. Whatever a route names must be in the file. A channel, mute time or template
//     that nothing names is a warning.
//  7. A route that no alert can reach is a mistake: behind one that takes all that
//     it takes and does not continue, or under one that takes only named alerts.
//  8. repeatInterval is at least groupInterval. A mute time leaves a gap in each
//     week. A fallback channel must not be one of the route's channels. A repeatInterval
//     with which an Alertmanager would take an alert for over is a warning.
//  9. Templates are Go's text/template; here only their syntax is checked.
//  10. A secret is read when the channels are made: an environment variable as it
//     is, a file without the line end at its end. All that are missing are named at
//     once.
//  11. Without the file, AFTERCARE_DINGTALK_URL and AFTERCARE_WEBHOOK_URL make one
//     channel each, and all alerts go to both; to nobody if neither is set.
//  12. severities says how severe alerts of a kind are (routing rule 9). It has no
//     flow, because a flow's step says that.
package alertfile
