package inbox

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Only robots that receive messages exist: no API lists or changes anything, nobody can answer, and buttons only open their addresses.",
		"Messages with pictures, files or voice are accepted unseen, and the page loads no picture that a message links to.",
		"The page shows what each service's markdown can do, not its look; Slack's rich_text, video, markdown and table blocks and Lark's columns are shown as their JSON or their text.",
		"People and groups are not known: nobody is called, and a mention shows the id from the message.",
		"DingTalk's code for a robot that is too fast, 130101, and the order of its checks come from reports; messages that it refuses do not make the ten minutes longer.",
		"Lark is busy around full and half hours (11232) only if busySeconds says so, and of a card's limits only the number of tables is checked.",
		"Lark's limit of 20 KB is taken as 20,480 bytes.",
		"Slack's limit is 60 messages in any minute instead of one in a second with bursts, and its errors for a channel (404, 410) or a workspace (403) must be planned as faults.",
		"PagerDuty's limit is dynamic; here it is 120 events a minute for one routing key. Only /v2/enqueue exists, and no incident escalates.",
		"The Alertmanager only takes alerts: it does not group, route, silence, inhibit or send, and forgets nothing while fewer than 10,000 are known.",
		"Of Standard Webhooks, only symmetric signatures (v1) are checked.",
		"The error texts follow the services' but need not be theirs to the letter; clients should read the codes.",
		"It speaks HTTP, not HTTPS.",
	}
}
