package inbox

// Dialects are the vendors' kinds of markdown, by a name for tests.
var Dialects = map[string]interface{ HTML(string) string }{
	"dingtalk": shower{dingTalkMarkdown}, "lark text": shower{larkText}, "lark_md": shower{larkMarkdown}, "lark markdown": shower{larkRich},
	"wecom": shower{weComMarkdown}, "wecom v2": shower{weComMarkdown2}, "slack": shower{slackMarkdown},
}

type shower struct{ dialect dialect }

func (s shower) HTML(text string) string { return string(s.dialect.html(text)) }
