package inbox

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Messages are shown nowhere; their content is checked only for being a JSON object of a known kind.",
		"DingTalk's keywords and allowed addresses do not exist, and a robot that sent too fast is not barred for ten minutes.",
		"Lark's limit of 5 messages a second, its keywords and its allowed addresses do not exist.",
		"WeCom's uploads and Slack's other methods do not exist.",
		"Slack's limit is 60 messages in any minute instead of one in a second with bursts.",
		"The error texts follow the services' but need not be theirs to the letter; clients should read the codes.",
		"It speaks HTTP, not HTTPS.",
	}
}
